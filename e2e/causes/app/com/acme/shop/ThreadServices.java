package com.acme.shop;

import io.netty.channel.nio.NioEventLoopGroup;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/** Services that start threads and never end them. */
final class ThreadServices {
    private static final AtomicInteger NEXT = new AtomicInteger();

    /** An executor for each request. */
    static void executor(String uri) {
        ExecutorService executor = Executors.newFixedThreadPool(2);
        Truth.leaks(); executor.submit(() -> uri.length());
    }

    /** A thread for each session, started in a lambda. */
    static void session(String uri) {
        Runnable open = () -> {
            Thread t = new Thread(ThreadServices::sleep, "session-" + NEXT.incrementAndGet());
            t.setDaemon(true);
            Truth.leaks(); t.start();
        };
        open.run();
    }

    /** A timer for each reconnect. */
    static void timer(String uri) {
        Truth.leaks(); Timer timer = new Timer("reconnect-" + NEXT.incrementAndGet(), true);
        timer.schedule(new TimerTask() {
            @Override public void run() { }
        }, 1_000_000_000L);
    }

    /** A client with a scheduler of its own, made for each call. */
    static final class Client {
        private final ScheduledExecutorService keepAlive = Executors.newSingleThreadScheduledExecutor();
        private final String uri;

        Client(String uri) {
            this.uri = uri;
            Truth.leaks(); keepAlive.scheduleAtFixedRate(this::ping, 1, 1, TimeUnit.HOURS);
        }

        private void ping() { }

        String get() {
            return uri;
        }
    }

    /** Spring's pool for each tenant. */
    static void spring(String uri) {
        ThreadPoolTaskExecutor pool = new ThreadPoolTaskExecutor();
        pool.setCorePoolSize(1);
        pool.setThreadNamePrefix("tenant-");
        pool.setDaemon(true);
        pool.initialize();
        Truth.leaks(); pool.execute(() -> { });
    }

    /** Netty's event loops for each connection. */
    static void netty(String uri) {
        NioEventLoopGroup group = new NioEventLoopGroup(1);
        Truth.leaks(); group.execute(() -> { });
    }

    /** A stage of a chain that runs on a pool made for it. */
    static void async(String uri) {
        CompletableFuture.completedFuture(uri).thenApply(String::length).thenCompose(length -> {
            ExecutorService pool = Executors.newCachedThreadPool(task -> {
                Thread t = new Thread(() -> {
                    task.run();
                    sleep();
                }, "quote-" + NEXT.incrementAndGet());
                t.setDaemon(true);
                return t;
            });
            Truth.leaks(); return CompletableFuture.supplyAsync(() -> length * 2, pool);
        }).join();
    }

    private static void sleep() {
        try {
            Thread.sleep(1_000_000_000L);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private ThreadServices() { }
}
