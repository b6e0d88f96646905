import java.awt.Color;
import java.awt.Font;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.font.FontRenderContext;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.util.zip.ZipFile;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;

/** Fonts, images and colours of the JDK. */
final class Pictures {
    private static final byte[] JPEG;
    private static final byte[] PROFILE = ICC_Profile.getInstance(ColorSpace.CS_PYCC).getData();

    static {
        try {
            BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
            image.createGraphics().fillOval(3, 3, 50, 50);
            ByteArrayOutputStream to = new ByteArrayOutputStream();
            ImageIO.write(image, "jpeg", to);
            JPEG = to.toByteArray();
        } catch (Exception problem) {
            throw new IllegalStateException(problem);
        }
    }

    private Pictures() {}

    static long jpegReader() throws Exception {
        ImageReader reader = Leak.hold(ImageIO.getImageReadersByFormatName("jpeg").next());
        reader.setInput(ImageIO.createImageInputStream(new ByteArrayInputStream(JPEG)));
        reader.read(0);
        return 0;
    }

    static long font() throws Exception {
        Font font = Leak.hold(Font.createFont(Font.TRUETYPE_FONT, new File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")).deriveFont(20f));
        font.createGlyphVector(new FontRenderContext(null, true, true), "orders").getOutline();
        return 0;
    }

    static long colour() {
        ICC_ColorSpace space = Leak.hold(new ICC_ColorSpace(ICC_Profile.getInstance(PROFILE)));
        new Color(space, new float[] {0.1f, 0.5f, 0.5f}, 1).getRGB();
        return 0;
    }
}
