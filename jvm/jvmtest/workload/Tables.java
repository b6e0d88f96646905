import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** HotSpot's tables of names: symbols, which classes bring along, and interned strings. */
final class Tables implements Workload.Kind {
    private static final int NAME = 3 + 32; // bytes of a name in the class file
    private static final int FIRST_END = 10 + NAME; // of the first name

    private final List<Class<?>> classes = new ArrayList<>();
    private final List<String> strings = new ArrayList<>();
    private final byte[] string = "a_string_that_is_used_only_0000000".getBytes(StandardCharsets.US_ASCII);
    private byte[] names; // class file
    private int number; // of the next name, never used twice

    @Override
    public String run(Command command) throws IOException {
        switch (command.name()) {
            case "symbols": return symbols(command.number(1));
            case "symbolsfree": classes.clear(); return free();
            case "strings": return strings(command.number(1));
            case "stringsfree": strings.clear(); return free();
            default: return null;
        }
    }

    private static String free() {
        String before = Library.account("before_");
        System.gc();
        System.gc();
        return before + Library.account("after_");
    }

    private String symbols(int thousands) throws IOException {
        String before = Library.account("before_");
        if (names == null) {
            names = classOfNames();
        }
        for (int i = 0; i < thousands; i++) {
            for (int end = FIRST_END; end < FIRST_END + 1000 * NAME; end += NAME) {
                writeNumber(names, end, number++);
            }
            classes.add(new Loader().define("Names", names));
        }
        return "symbols=" + classes.size() * 1000 + " " + before + Library.account("after_");
    }

    /** A class file, as JVMS chapter 4 has it, with nothing but 1000 names in its constant pool. */
    private static byte[] classOfNames() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeInt(0xcafebabe);
        out.writeInt(52); // version 8
        out.writeShort(1 + 1000 + 4);
        for (int i = 0; i < 1000; i++) {
            writeName(out, "a_name_that_is_used_only_0000000");
        }
        writeClass(out, "Names", 1002);
        writeClass(out, "java/lang/Object", 1004);
        out.writeShort(0x21); // public super
        out.writeShort(1001); // this class
        out.writeShort(1003); // its superclass
        for (int i = 0; i < 4; i++) {
            out.writeShort(0); // interfaces, fields, methods, attributes
        }
        return bytes.toByteArray();
    }

    /** Writes seven decimal digits up to end. */
    private static void writeNumber(byte[] text, int end, int n) {
        for (int i = 1; i <= 7; i++) {
            text[end - i] = (byte) ('0' + n % 10);
            n /= 10;
        }
    }

    private static void writeClass(DataOutputStream out, String name, int indexOfName) throws IOException {
        out.writeByte(7);
        out.writeShort(indexOfName);
        writeName(out, name);
    }

    private static void writeName(DataOutputStream out, String name) throws IOException {
        out.writeByte(1);
        out.writeUTF(name);
    }

    private String strings(int thousands) {
        String before = Library.account("before_");
        for (int i = 0; i < thousands * 1000; i++) {
            writeNumber(string, string.length, number++);
            strings.add(new String(string, StandardCharsets.US_ASCII).intern());
        }
        return "strings=" + strings.size() + " " + before + Library.account("after_");
    }
}
