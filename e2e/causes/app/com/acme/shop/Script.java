package com.acme.shop;

/** The class that each compiled script gets. */
public class Script implements Runnable {
    int a, b, c;

    @Override public void run() {
        a = new Helper().add(b, c);
    }

    /** Loaded when the script runs. */
    public static class Helper {
        int add(int x, int y) {
            return x + y;
        }
    }
}
