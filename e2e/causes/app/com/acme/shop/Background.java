package com.acme.shop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** What any server does besides, none of which leaks: short threads, a cache with a limit, a report, classes that load late. */
final class Background {
    private static final int LIMIT = 400;
    private static final Map<String, byte[]> PAGES = new LinkedHashMap<String, byte[]>(16, 0.75f, true) {
        @Override protected boolean removeEldestEntry(Map.Entry<String, byte[]> eldest) {
            return size() > LIMIT;
        }
    };
    private static int ticks;

    static void start() {
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(2);
        timer.scheduleAtFixedRate(Background::fillPages, 0, 100, TimeUnit.MILLISECONDS);
        timer.scheduleAtFixedRate(Background::sendMail, 0, 200, TimeUnit.MILLISECONDS);
        timer.scheduleAtFixedRate(Background::report, 1, 1, TimeUnit.SECONDS);
    }

    /** A page stays for LIMIT/10 tenths of a second. */
    private static void fillPages() {
        synchronized (PAGES) {
            for (int i = 0; i < 10; i++) {
                PAGES.put("/page/" + ticks++, new byte[2000]);
            }
        }
    }

    private static void sendMail() {
        Thread t = new Thread(() -> {
            try {
                Thread.sleep(700);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, "mail-" + ticks);
        t.setDaemon(true);
        t.start();
    }

    private static void report() {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            lines.add("line " + i);
        }
        java.util.Collections.sort(lines);
    }

    private Background() { }
}
