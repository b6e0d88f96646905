package com.acme.shop;

import java.util.concurrent.locks.LockSupport;

/** Prints how long a thread that is always ready was not run: "GAP 12.3" in milliseconds, if 3 or more. */
final class Hiccups implements Runnable {
    static void start() {
        Thread t = new Thread(new Hiccups(), "hiccups");
        t.setDaemon(true);
        t.setPriority(Thread.MAX_PRIORITY);
        t.start();
    }

    @Override public void run() {
        for (long last = System.nanoTime();;) {
            LockSupport.parkNanos(200_000);
            long now = System.nanoTime();
            if (now - last > 3_000_000) {
                System.out.println("GAP " + System.currentTimeMillis() + " " + (now - last) / 1000 / 1000.0);
            }
            last = now;
        }
    }
}
