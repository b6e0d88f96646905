import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;

/** A class loader of one class of which it is given the bytes. */
final class Loader extends ClassLoader {
    Loader() {
        super(null);
    }

    Class<?> define(String name, byte[] code) {
        return defineClass(name, code, 0, code.length);
    }

    static byte[] resource(String name) {
        try (InputStream in = Loader.class.getResourceAsStream(name)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            byte[] buffer = new byte[8192];
            for (int n; (n = in.read(buffer)) > 0; ) {
                out.write(buffer, 0, n);
            }
            return out.toByteArray();
        } catch (IOException e) {
            throw new IllegalStateException(name, e);
        }
    }
}
