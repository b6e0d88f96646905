package com.acme.shop;

import java.util.LinkedHashMap;
import java.util.Map;

/** The services by the name of their leak. */
final class Leaks {
    private static Map<String, Leak> all() {
        Map<String, Leak> all = new LinkedHashMap<>();
        all.put("threads-executor", ThreadServices::executor);
        all.put("threads-session", ThreadServices::session);
        all.put("threads-timer", ThreadServices::timer);
        all.put("threads-client", uri -> new ThreadServices.Client(uri).get());
        all.put("threads-spring", ThreadServices::spring);
        all.put("threads-netty", ThreadServices::netty);
        all.put("threads-async", ThreadServices::async);
        all.put("classes-script", ClassServices::script);
        all.put("classes-groovy", ClassServices::groovy);
        all.put("classes-proxy", ClassServices::proxy);
        all.put("classes-plugin", ClassServices::plugin);
        all.put("classes-xslt", ClassServices::xslt);
        all.put("heap-cache", HeapServices::cache);
        all.put("heap-listener", HeapServices::listener);
        all.put("heap-threadlocal", HeapServices::threadLocal);
        all.put("heap-jdbc", HeapServices::jdbc);
        all.put("heap-queue", HeapServices::queue);
        all.put("heap-session", HeapServices::session);
        all.put("heap-metrics", HeapServices::metrics);
        all.put("heap-futures", HeapServices::futures);
        all.put("heap-guava", HeapServices::guava);
        all.put("heap-audit", HeapServices::audit);
        all.put("direct-upload", NativeServices::upload);
        all.put("direct-netty", NativeServices::netty);
        all.put("zip-deflater", NativeServices::deflater);
        all.put("zip-gzip", NativeServices::gzip);
        all.put("mapped-index", NativeServices::map);
        all.put("sockets-client", NativeServices::socket);
        all.put("sockets-channel", NativeServices::channel);
        for (String control : new String[] {"control-threads", "control-classes", "control-heap"}) {
            all.put(control, uri -> { });
        }
        return all;
    }

    static Leak find(String name) {
        Leak leak = all().get(name);
        if (leak == null) {
            throw new IllegalArgumentException(name);
        }
        return leak;
    }

    private Leaks() { }
}
