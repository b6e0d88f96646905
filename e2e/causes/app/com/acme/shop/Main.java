package com.acme.shop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A shop with load and one leak: -Dshop.leak, "none" for no load at all. -Dshop.before requests
 * with the leak come as fast as possible; then it prints READY; then -Dshop.rate a second, with five
 * times as many requests without the leak. To each line that it reads it replies with the longest
 * pause since the line before.
 */
public final class Main {
    private static final int WORKERS = 8;

    public static void main(String[] args) throws Exception {
        String leak = System.getProperty("shop.leak");
        int before = Integer.getInteger("shop.before");
        double rate = Double.parseDouble(System.getProperty("shop.rate"));
        Hiccups.start();
        if (!leak.equals("none")) {
            serve(new Dispatcher(leak), before, rate);
        }
        System.out.println("READY");
        System.out.flush();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            System.out.println("OK longest_us=" + Hiccups.longest());
            System.out.flush();
        }
    }

    private static void serve(Dispatcher dispatcher, int before, double rate) throws Exception {
        Background.start();
        for (int i = 0; i < before; i++) {
            dispatcher.service("/order/" + i, true);
        }
        AtomicLong requests = new AtomicLong();
        for (int i = 0; i < WORKERS; i++) {
            Thread t = new Thread(new Worker(dispatcher, requests, rate * 6 / WORKERS), "http-nio-8080-exec-" + (i + 1));
            t.setDaemon(true);
            t.start();
        }
    }

    /** A thread of the server's pool. */
    private static final class Worker implements Runnable {
        private final Dispatcher dispatcher;
        private final AtomicLong requests;
        private final long gap;

        Worker(Dispatcher dispatcher, AtomicLong requests, double perSecond) {
            this.dispatcher = dispatcher;
            this.requests = requests;
            gap = (long) (1e9 / perSecond);
        }

        @Override public void run() {
            for (long next = System.nanoTime();; next += gap) {
                long n = requests.incrementAndGet();
                try {
                    dispatcher.service("/order/live/" + n, n % 6 == 0);
                } catch (Exception e) {
                    System.out.println("FAILED " + e);
                }
                long wait = next - System.nanoTime();
                if (wait > 0) {
                    java.util.concurrent.locks.LockSupport.parkNanos(wait);
                } else {
                    next = System.nanoTime();
                }
            }
        }
    }

    private Main() { }
}
