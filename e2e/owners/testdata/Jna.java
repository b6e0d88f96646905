import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** C and C++ libraries, called through JNA. */
final class Jna {
    private static final Map<String, Function> FUNCTIONS = new HashMap<>();
    private static final String DIR = System.getProperty("leak.dir");
    private static final byte[] XML = xml();
    private static final String XML_TEXT = new String(XML, 0, 500, StandardCharsets.UTF_8);
    private static Pointer rocks, levels, reading, tls, tree, regex;
    private static int count;

    private Jna() {}

    private static Function function(String library, String name) {
        return FUNCTIONS.computeIfAbsent(library + " " + name, key -> NativeLibrary.getInstance(library).getFunction(name));
    }

    private static Pointer get(String library, String name, Object... arguments) {
        Pointer result = function(library, name).invokePointer(arguments);
        if (result == null) {
            throw new IllegalStateException(name + " returned NULL");
        }
        return result;
    }

    private static int call(String library, String name, Object... arguments) {
        return function(library, name).invokeInt(arguments);
    }

    private static byte[] xml() {
        StringBuilder text = new StringBuilder("<orders>");
        for (int i = 0; i < 100; i++) {
            text.append("<order id='").append(i).append("'><item>").append(i * 7919).append("</item></order>");
        }
        return text.append("</orders>").toString().getBytes(StandardCharsets.UTF_8);
    }

    static long memory() {
        Leak.hold(new Memory(5000)).setMemory(0, 5000, (byte) 5);
        return 0;
    }

    static long strdup() {
        call("c", "strdup", "customer number " + count++ + XML_TEXT);
        return 0;
    }

    static long map() {
        Pointer block = get("c", "mmap", Pointer.NULL, 262_144L, 3, 0x22, -1, 0L);
        block.setMemory(0, 262_144, (byte) count++);
        return 262_144;
    }

    static long tlsSession() {
        if (tls == null) {
            tls = get("ssl", "SSL_CTX_new", get("ssl", "TLS_server_method"));
        }
        get("ssl", "SSL_new", tls);
        return 0;
    }

    static long tlsContext() {
        get("ssl", "SSL_CTX_new", get("ssl", "TLS_client_method"));
        return 0;
    }

    static long digest() {
        Pointer context = get("crypto", "EVP_MD_CTX_new");
        call("crypto", "EVP_DigestInit_ex", context, get("crypto", "EVP_sha256"), Pointer.NULL);
        return 0;
    }

    static long bignum() {
        call("crypto", "BN_set_bit", get("crypto", "BN_new"), 8000);
        return 0;
    }

    static long xmlDocument() {
        get("xml2", "xmlReadMemory", XML, XML.length, "orders.xml", Pointer.NULL, 0);
        return 0;
    }

    static long xmlParser() {
        Pointer parser = get("expat", "XML_ParserCreate", Pointer.NULL);
        call("expat", "XML_Parse", parser, XML, XML.length / 2, 0);
        return 0;
    }

    static long regex() {
        Memory error = new Memory(16);
        String pattern = "(order|item|customer)-[0-9]{2,30}(?:a|b|c){1,20}x" + count++;
        get("pcre2-8", "pcre2_compile_8", pattern, (long) pattern.length(), 0, error, error.share(8), Pointer.NULL);
        return 0;
    }

    static long archive() {
        Pointer archive = get("archive", "archive_read_new");
        call("archive", "archive_read_support_format_all", archive);
        return 0;
    }

    static long dateFormat() {
        Memory status = new Memory(4);
        status.setInt(0, 0);
        get("icui18n", "udat_open" + icu(), 0, 0, "de_DE", Pointer.NULL, -1, Pointer.NULL, -1, status);
        return 0;
    }

    private static String icu() {
        for (int version = 60; version < 100; version++) {
            if (new File("/usr/lib/x86_64-linux-gnu/libicui18n.so." + version).exists()) {
                return "_" + version;
            }
        }
        throw new IllegalStateException("no ICU");
    }

    static long sqliteRows() {
        if (tree == null) {
            Memory handle = new Memory(8);
            call("sqlite3", "sqlite3_open", ":memory:", handle);
            tree = handle.getPointer(0);
            call("sqlite3", "sqlite3_exec", tree, "create table orders(id integer, text text)", Pointer.NULL, Pointer.NULL, Pointer.NULL);
        }
        call("sqlite3", "sqlite3_exec", tree, "insert into orders values(" + count++ + ", hex(randomblob(400)))", Pointer.NULL, Pointer.NULL, Pointer.NULL);
        return 0;
    }

    private static Pointer open(String library, String prefix) {
        Pointer options = get(library, prefix + "options_create");
        function(library, prefix + "options_set_create_if_missing").invokeVoid(new Object[] {options, (byte) 1});
        Memory error = new Memory(8);
        error.setPointer(0, null);
        Pointer db = get(library, prefix + "open", options, DIR + "/" + prefix + "db", error);
        Pointer writing = get(library, prefix + "writeoptions_create");
        for (int i = 0; i < 1000; i++) {
            byte[] key = String.format("key-%06d", i).getBytes(StandardCharsets.UTF_8);
            function(library, prefix + "put").invokeVoid(new Object[] {db, writing, key, (long) key.length, XML, 1000L, error});
        }
        reading = get(library, prefix + "readoptions_create");
        return db;
    }

    static long rocksIterator() {
        if (rocks == null) {
            rocks = open("rocksdb", "rocksdb_");
        }
        Pointer iterator = get("rocksdb", "rocksdb_create_iterator", rocks, reading);
        function("rocksdb", "rocksdb_iter_seek_to_first").invokeVoid(new Object[] {iterator});
        return 0;
    }

    static long rocksBatch() {
        Pointer batch = get("rocksdb", "rocksdb_writebatch_create");
        byte[] key = {1, 2, 3, 4};
        function("rocksdb", "rocksdb_writebatch_put").invokeVoid(new Object[] {batch, key, 4L, XML, 1500L});
        return 0;
    }

    static long rocksOptions() {
        get("rocksdb", "rocksdb_options_create");
        return 0;
    }

    static long levelIterator() {
        if (levels == null) {
            levels = open("leveldb", "leveldb_");
        }
        Pointer iterator = get("leveldb", "leveldb_create_iterator", levels, reading);
        function("leveldb", "leveldb_iter_seek_to_first").invokeVoid(new Object[] {iterator});
        return 0;
    }

    static long lz4Stream() {
        get("lz4", "LZ4_createStream");
        return 0;
    }
}
