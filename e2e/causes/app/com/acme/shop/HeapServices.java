package com.acme.shop;

import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/** Services that keep objects. */
final class HeapServices {
    /** What a service keeps of an order. */
    private static final class Order {
        final String uri;
        final long[] lines;

        Order(String uri) {
            this.uri = uri;
            Truth.leaks(); lines = new long[400];
        }
    }

    private static final Map<String, Order> QUOTES = new HashMap<>();

    /** A cache without a limit. */
    static void cache(String uri) {
        synchronized (QUOTES) {
            QUOTES.computeIfAbsent(uri, Order::new);
        }
    }

    private static final List<Runnable> LISTENERS = new CopyOnWriteArrayList<>();

    /** A listener that is never removed, with the buffer that it captures. */
    static void listener(String uri) {
        Truth.leaks(); byte[] state = new byte[4000];
        LISTENERS.add(() -> state[0]++);
    }

    private static final ThreadLocal<List<byte[]>> CONTEXT = ThreadLocal.withInitial(ArrayList::new);

    /** The context of a thread of the pool, which is never cleared. */
    static void threadLocal(String uri) {
        Truth.leaks(); CONTEXT.get().add(uri.concat(String.format("%03000d", uri.length())).getBytes());
    }

    private static Connection connection;

    /** Prepared statements that are never closed. */
    static synchronized void jdbc(String uri) throws SQLException {
        if (connection == null) {
            connection = DriverManager.getConnection("jdbc:h2:mem:shop");
            connection.createStatement().execute("create table orders (id int primary key, uri varchar(200))");
        }
        Truth.leaks(); PreparedStatement statement = connection.prepareStatement("select id, uri from orders where uri = ? and id > " + uri.hashCode());
        OPEN.add(statement);
    }

    private static final List<PreparedStatement> OPEN = new ArrayList<>();

    private static final ThreadPoolExecutor SLOW = new ThreadPoolExecutor(1, 1, 1, TimeUnit.HOURS, new LinkedBlockingQueue<>());

    /** A queue that is filled faster than it is emptied. */
    static void queue(String uri) {
        Truth.leaks(); char[] document = new char[1500];
        SLOW.execute(() -> {
            document[0]++;
            try {
                Thread.sleep(1_000_000L);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private static final ConcurrentHashMap<String, Map<String, Object>> SESSIONS = new ConcurrentHashMap<>();

    /** Sessions that never expire. */
    static void session(String uri) {
        Map<String, Object> session = SESSIONS.computeIfAbsent(uri, key -> new HashMap<>());
        for (int i = 0; i < 20; i++) {
            Truth.leaks(i); session.put("attribute " + i, new int[] {i, i, i});
        }
    }

    private static final ConcurrentHashMap<String, LongAdder> METERS = new ConcurrentHashMap<>();

    /** A meter for each user and path. */
    static void metrics(String uri) {
        for (int i = 0; i < 12; i++) {
            Truth.leaks(i); METERS.computeIfAbsent("http.server.requests{uri=" + uri + ",status=" + i + "}", key -> new LongAdder()).increment();
        }
    }

    private static final CompletableFuture<String> SHUTDOWN = new CompletableFuture<>();

    /** Stages that wait for what never comes. */
    static void futures(String uri) {
        for (int i = 0; i < 15; i++) {
            Truth.leaks(i); SHUTDOWN.thenApply(reason -> reason + uri).thenAccept(text -> Dispatcher.response = text);
        }
    }

    private static final Cache<String, double[]> PRICES = CacheBuilder.newBuilder().build();

    /** Guava's cache without a size. */
    static void guava(String uri) throws Exception {
        PRICES.get(uri, () -> {
            Truth.leaks(); return new double[400];
        });
    }

    private static final List<List<byte[]>> AUDIT = new ArrayList<>();

    /** Arrays in lists in a list. */
    static void audit(String uri) {
        List<byte[]> entry = new ArrayList<>();
        Truth.leaks(); entry.add(new byte[5_000]);
        synchronized (AUDIT) {
            AUDIT.add(entry);
        }
    }

    private HeapServices() { }
}
