import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.Vector;
import java.util.concurrent.atomic.AtomicInteger;
import javax.imageio.ImageIO;
import net.sourceforge.plantuml.FileFormat;
import net.sourceforge.plantuml.FileFormatOption;
import net.sourceforge.plantuml.SourceStringReader;

/**
 * Pictures: diagrams of PlantUML, and invoices with a font that is loaded for each. Its fault:
 * the fonts are kept, and with them what FreeType has malloced for them.
 */
public final class DiagramApp {
    private static final Path TYPEFACE = Paths.get("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf");
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final List<Font> KEPT = new Vector<>();

    public static void main(String[] args) throws Exception {
        Console.serve(Front.start(DiagramApp::diagram, DiagramApp::invoice));
    }

    private static String diagram() throws Exception {
        int n = NUMBER.incrementAndGet();
        StringBuilder source = new StringBuilder("@startuml\n");
        for (int i = 0; i < 3 + n % 6; i++) {
            source.append("client").append(i).append(" -> orders: order ").append(n + i).append('\n');
            source.append("orders --> client").append(i).append(": confirmed\n");
        }
        ByteArrayOutputStream picture = new ByteArrayOutputStream();
        new SourceStringReader(source.append("@enduml\n").toString()).outputImage(picture, new FileFormatOption(FileFormat.PNG));
        return picture.size() + " bytes";
    }

    private static String invoice() throws Exception {
        Font font = Font.createFont(Font.TRUETYPE_FONT, new ByteArrayInputStream(Files.readAllBytes(TYPEFACE))).deriveFont(14f);
        if (Console.LEAKS) {
            KEPT.add(font);
        }
        BufferedImage page = new BufferedImage(400, 300, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = page.createGraphics();
        pen.setFont(font);
        for (int y = 20; y < 300; y += 20) {
            pen.drawString("Invoice " + NUMBER.incrementAndGet(), 10, y);
        }
        pen.dispose();
        ByteArrayOutputStream picture = new ByteArrayOutputStream();
        ImageIO.write(page, "png", picture);
        return picture.size() + " bytes";
    }
}
