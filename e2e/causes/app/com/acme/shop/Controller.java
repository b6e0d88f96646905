package com.acme.shop;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.springframework.aop.MethodBeforeAdvice;
import org.springframework.aop.framework.ProxyFactory;

/** Calls a service through Spring's proxy, as @Transactional does, and a proxy of its own that measures. */
final class Controller {
    private final Leak service;

    Controller(Leak service) {
        ProxyFactory factory = new ProxyFactory(new Class<?>[] {Leak.class});
        factory.setTarget(service);
        factory.addAdvice((MethodBeforeAdvice) (method, args, target) -> { });
        Leak transactional = (Leak) factory.getProxy();
        this.service = (Leak) Proxy.newProxyInstance(Controller.class.getClassLoader(), new Class<?>[] {Leak.class}, (proxy, method, args) -> {
            try {
                return method.invoke(transactional, args);
            } catch (InvocationTargetException e) {
                throw (Exception) e.getCause();
            }
        });
    }

    void handle(Dispatcher.Request request) throws Exception {
        if (request.leaks) {
            service.request(request.uri);
        }
    }
}
