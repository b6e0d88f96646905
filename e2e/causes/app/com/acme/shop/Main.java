package com.acme.shop;

import java.util.concurrent.atomic.AtomicLong;

/**
 * A shop with load and one leak: Main LEAK BEFORE RATE. BEFORE requests with the leak come as
 * fast as possible, then it prints "ready"; then RATE a second. Ten times as many requests are without
 * it.
 */
public final class Main {
    private static final int WORKERS = 8;

    public static void main(String[] args) throws Exception {
        String leak = args[0];
        int before = Integer.parseInt(args[1]);
        double rate = Double.parseDouble(args[2]);
        Hiccups.start();
        Background.start();
        Dispatcher dispatcher = new Dispatcher(leak);
        for (int i = 0; i < before; i++) {
            dispatcher.service("/order/" + i, true);
        }
        AtomicLong requests = new AtomicLong();
        for (int i = 0; i < WORKERS; i++) {
            new Thread(new Worker(dispatcher, requests, rate * 11 / WORKERS), "http-nio-8080-exec-" + (i + 1)).start();
        }
        System.out.println("ready");
        System.out.flush();
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
                    dispatcher.service("/order/live/" + n, n % 11 == 0);
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
