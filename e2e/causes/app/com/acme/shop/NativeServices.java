package com.acme.shop;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Vector;
import java.util.zip.Deflater;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/** Services that keep what is outside the heap. */
final class NativeServices {
    private static final List<Object> KEPT = new Vector<>();

    /** A buffer for each upload. */
    static void upload(String uri) {
        Truth.leaks(); ByteBuffer buffer = ByteBuffer.allocateDirect(16 << 10);
        KEPT.add(buffer);
    }

    /** Netty's buffers that are not released. */
    static void netty(String uri) {
        Truth.leaks(); ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(64 << 10);
        KEPT.add(buffer);
    }

    /** A Deflater without end(). */
    static void deflater(String uri) {
        Truth.leaks(); Deflater deflater = new Deflater(Deflater.BEST_SPEED);
        deflater.setInput(uri.getBytes());
        KEPT.add(deflater);
    }

    private static byte[] archive;

    /** Streams that are not closed. */
    static void gzip(String uri) throws IOException {
        if (archive == null) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                gzip.write(uri.getBytes());
            }
            archive = out.toByteArray();
        }
        Truth.leaks(); GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(archive));
        KEPT.add(in);
    }

    /** A mapping for each index. */
    static void map(String uri) throws IOException {
        File file = File.createTempFile("index", ".bin");
        try (RandomAccessFile index = new RandomAccessFile(file, "rw")) {
            index.setLength(16 << 10);
            Truth.leaks(); KEPT.add(index.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 16 << 10));
        } finally {
            file.delete();
        }
    }

    private static ServerSocket server;

    /** Connections stay in its backlog. */
    private static synchronized ServerSocket server() throws IOException {
        if (server == null) {
            server = new ServerSocket(0, 4000, InetAddress.getLoopbackAddress());
        }
        return server;
    }

    /** A socket for each request. */
    static void socket(String uri) throws IOException {
        ServerSocket to = server();
        Truth.leaks(); KEPT.add(new Socket(to.getInetAddress(), to.getLocalPort()));
    }

    /** A channel for each request. */
    static void channel(String uri) throws IOException {
        ServerSocket to = server();
        Truth.leaks(); SocketChannel channel = SocketChannel.open(to.getLocalSocketAddress());
        KEPT.add(channel);
    }

    private NativeServices() { }
}
