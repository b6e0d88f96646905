import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.SearcherManager;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.store.MMapDirectory;

/**
 * A search server: Netty, an index of Lucene on disk, and answers in a cache of Guava. Its
 * faults (bench.fault): "buffers" are never released, the "cache" has no maximum.
 */
public final class SearchApp {
    private static final boolean BUFFERS = System.getProperty("bench.fault", "").equals("buffers");
    private static final int DOCUMENTS = 5000;
    private static final int BUFFER = 64 << 10;
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Cache<String, String> CACHE = Console.LEAKS && !BUFFERS
            ? CacheBuilder.newBuilder().build()
            : CacheBuilder.newBuilder().maximumSize(300).build();

    private static IndexWriter writer;
    private static SearcherManager searchers;

    public static void main(String[] args) throws Exception {
        MMapDirectory files = new MMapDirectory(Paths.get(System.getProperty("bench.dir"), "index"));
        writer = new IndexWriter(files, new IndexWriterConfig(new StandardAnalyzer()).setRAMBufferSizeMB(4));
        searchers = new SearcherManager(writer, null);
        for (int i = 1; i <= DOCUMENTS / 5; i++) {
            index(i, i);
        }
        Channel channel = new ServerBootstrap()
                .group(new NioEventLoopGroup(1), new NioEventLoopGroup(4))
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel accepted) {
                        accepted.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(1 << 16), new App());
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0).sync().channel();
        Console.serve(((InetSocketAddress) channel.localAddress()).getPort());
    }

    private static final class App extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext channel, FullHttpRequest request) throws Exception {
            int n = NUMBER.incrementAndGet();
            String text;
            if (!request.uri().equals("/fault")) {
                index(n % DOCUMENTS, n);
                text = search(word(n * 7));
            } else if (BUFFERS) {
                text = search(word(n));
                transcode(text);
            } else {
                // Each question is another one, like a cache key with a time in it.
                text = CACHE.get(word(n) + "?at=" + n, () -> search(word(n)));
            }
            byte[] body = text.getBytes(StandardCharsets.UTF_8);
            DefaultFullHttpResponse response =
                    new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(body));
            HttpUtil.setContentLength(response, body.length);
            channel.writeAndFlush(response);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext channel, Throwable cause) {
            cause.printStackTrace();
            channel.close();
        }
    }

    private static void transcode(String text) {
        ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(BUFFER);
        buffer.writeCharSequence(text.substring(0, Math.min(text.length(), BUFFER / 4)), StandardCharsets.UTF_8);
        if (!Console.LEAKS) {
            buffer.release();
        }
    }

    private static void index(int id, int n) throws Exception {
        Random random = new Random(n);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 120; i++) {
            text.append(word(random.nextInt(4000))).append(' ');
        }
        Document document = new Document();
        document.add(new StringField("id", Integer.toString(id), Field.Store.YES));
        document.add(new TextField("text", text.toString(), Field.Store.YES));
        writer.updateDocument(new Term("id", Integer.toString(id)), document);
        if (n % 100 == 0) {
            writer.commit();
            searchers.maybeRefresh();
        }
    }

    private static String search(String word) throws Exception {
        IndexSearcher searcher = searchers.acquire();
        try {
            StringBuilder text = new StringBuilder(word);
            for (ScoreDoc found : searcher.search(new TermQuery(new Term("text", word)), 20).scoreDocs) {
                text.append('\n').append(searcher.doc(found.doc).get("text"));
            }
            return text.toString();
        } finally {
            searchers.release(searcher);
        }
    }

    private static String word(int n) {
        return "w" + Integer.toString(Math.floorMod(n, 4000), 36);
    }

    private SearchApp() {}
}
