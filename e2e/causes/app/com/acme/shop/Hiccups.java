package com.acme.shop;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** Measures how long a thread was not run that is ready every 0.2 ms. */
final class Hiccups implements Runnable {
    private static final AtomicLong LONGEST = new AtomicLong();

    static void start() {
        Thread t = new Thread(new Hiccups(), "hiccups");
        t.setDaemon(true);
        t.setPriority(Thread.MAX_PRIORITY);
        t.start();
    }

    /** Returns the longest pause in microseconds since the last call. */
    static long longest() {
        return LONGEST.getAndSet(0) / 1000;
    }

    @Override public void run() {
        for (long last = System.nanoTime();;) {
            LockSupport.parkNanos(200_000);
            long now = System.nanoTime();
            LONGEST.accumulateAndGet(now - last, Math::max);
            last = now;
        }
    }
}
