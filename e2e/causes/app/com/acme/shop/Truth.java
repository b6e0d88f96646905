package com.acme.shop;

import java.util.Collections;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Prints the line that leaks: the one that calls it. */
final class Truth {
    private static final Set<String> PRINTED = Collections.newSetFromMap(new ConcurrentHashMap<String, Boolean>());

    static void leaks() {
        print(new Throwable().getStackTrace()[1]);
    }

    /** In a loop: once for each request, as a stack trace is more garbage than most of what leaks. */
    static void leaks(int i) {
        if (i == 0) {
            print(new Throwable().getStackTrace()[1]);
        }
    }

    private static void print(StackTraceElement line) {
        String text = line.getClassName() + "." + line.getMethodName() + "(" + line.getFileName() + ":" + line.getLineNumber() + ")";
        if (PRINTED.add(text)) {
            System.out.println("TRUTH " + text);
            System.out.flush();
        }
    }

    private Truth() { }
}
