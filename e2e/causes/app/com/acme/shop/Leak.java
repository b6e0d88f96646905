package com.acme.shop;

/** A service with a leak. */
public interface Leak {
    /** Serves a request, after which something stays. */
    void request(String uri) throws Exception;
}
