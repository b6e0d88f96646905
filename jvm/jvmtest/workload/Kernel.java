import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.channels.Pipe;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

/** Memory of the kernel. */
final class Kernel implements Workload.Kind {
    private final List<Channel> pipes = new ArrayList<>();
    private final List<Channel> sockets = new ArrayList<>();
    private final ByteBuffer data = ByteBuffer.allocateDirect(64 << 10);

    @Override
    public String run(Command command) throws IOException {
        switch (command.name()) {
            case "pipes": return pipes(command.number(1));
            case "pipesfree": return close(pipes);
            case "sockets": return sockets(command.number(1));
            case "socketsfree": return close(sockets);
            case "dentries": return dentries(command.text(1), command.number(2));
            case "dentriesfree": Files.delete(Paths.get(command.text(1))); return "";
            default: return null;
        }
    }

    private String pipes(int mib) throws IOException {
        long left = (long) mib * Workload.MIB;
        while (left > 0) {
            Pipe pipe = Pipe.open();
            pipes.add(pipe.source());
            pipes.add(pipe.sink());
            pipe.sink().configureBlocking(false);
            left -= fill(pipe.sink(), left);
        }
        return "written_bytes=" + (long) mib * Workload.MIB + " pipes=" + pipes.size() / 2;
    }

    private String sockets(int mib) throws IOException {
        long left = (long) mib * Workload.MIB;
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            while (left > 0) {
                SocketChannel client = SocketChannel.open(server.getLocalAddress());
                sockets.add(client);
                sockets.add(server.accept());
                client.configureBlocking(false);
                left -= fill(client, left);
            }
        }
        return "written_bytes=" + (long) mib * Workload.MIB + " connections=" + sockets.size() / 2;
    }

    /** Writes what channel takes, up to limit bytes; returns how many. */
    private long fill(WritableByteChannel channel, long limit) throws IOException {
        long written = 0;
        for (int n = 1; n > 0; written += n) {
            data.clear();
            data.limit((int) Math.min(data.capacity(), limit - written));
            n = channel.write(data);
        }
        return written;
    }

    private static String close(List<Channel> channels) throws IOException {
        for (Channel channel : channels) {
            channel.close();
        }
        channels.clear();
        return "";
    }

    /** The folder's removal drops what the kernel remembers of names in it. */
    private static String dentries(String path, int thousands) throws IOException {
        Library.require();
        Path folder = Paths.get(path);
        Files.createDirectory(folder);
        Library.lookUp(path.getBytes(StandardCharsets.UTF_8), thousands * 1000L);
        return "names=" + thousands * 1000L;
    }
}
