package com.acme.shop;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Arrays;

/** Takes a request through filters to a controller, as a servlet container does. */
final class Dispatcher {
    interface Filter {
        void handle(Request request, Chain chain) throws Exception;
    }

    /** The filters that are left, then the controller. */
    static final class Chain {
        private final Iterator<Filter> left;
        private final Controller controller;

        Chain(Iterator<Filter> left, Controller controller) {
            this.left = left;
            this.controller = controller;
        }

        void next(Request request) throws Exception {
            if (left.hasNext()) {
                left.next().handle(request, this);
            } else {
                controller.handle(request);
            }
        }
    }

    static final class Request {
        final String uri;
        final boolean leaks;
        final Map<String, Object> attributes = new LinkedHashMap<>();

        Request(String uri, boolean leaks) {
            this.uri = uri;
            this.leaks = leaks;
        }
    }

    private final Filter[] filters;
    private final Controller controller;
    static volatile Object response;

    Dispatcher(String leak) {
        filters = new Filter[] {Dispatcher::parse, Dispatcher::authenticate, (request, chain) -> {
            chain.next(request);
            response = render(request);
        }};
        controller = new Controller(Leaks.find(leak));
    }

    void service(String uri, boolean leaks) throws Exception {
        new Chain(Arrays.asList(filters).iterator(), controller).next(new Request(uri, leaks));
    }

    private static void parse(Request request, Chain chain) throws Exception {
        for (int i = 0; i < 40; i++) {
            request.attributes.put("field" + i, "value" + i + request.uri);
        }
        chain.next(request);
    }

    private static void authenticate(Request request, Chain chain) throws Exception {
        request.attributes.put("user", new StringBuilder(request.uri).reverse().toString());
        chain.next(request);
    }

    private static byte[] render(Request request) {
        StringBuilder page = new StringBuilder();
        request.attributes.forEach((k, v) -> page.append(k).append('=').append(v).append('\n'));
        return page.toString().getBytes();
    }
}
