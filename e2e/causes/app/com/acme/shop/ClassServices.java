package com.acme.shop;

import groovy.lang.GroovyShell;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.stream.StreamSource;

/** Services that load classes and keep their loaders. */
final class ClassServices {
    private static final Map<String, Object> COMPILED = new ConcurrentHashMap<>();

    /** A loader of the application for each script. */
    static void script(String uri) throws Exception {
        ScriptLoader loader = new ScriptLoader();
        Truth.leaks(); Object script = loader.loadClass("com.acme.shop.Script").getDeclaredConstructor().newInstance();
        COMPILED.put(uri, script);
    }

    /** Groovy's shell for each expression. */
    static void groovy(String uri) {
        Truth.leaks(); COMPILED.put(uri, new GroovyShell().parse("def total = 0; [1, 2].each { total += it }; total"));
    }

    /** A proxy in a loader of its own. */
    static void proxy(String uri) {
        ClassLoader loader = new ClassLoader(ClassServices.class.getClassLoader()) { };
        Truth.leaks(); COMPILED.put(uri, Proxy.newProxyInstance(loader, new Class<?>[] {Runnable.class}, (p, method, args) -> null));
    }

    /** A plugin that is loaded again on each change. */
    static void plugin(String uri) throws Exception {
        URL own = new File(System.getProperty("shop.classes")).toURI().toURL();
        URLClassLoader loader = new URLClassLoader(new URL[] {own}, null);
        Truth.leaks(); Runnable plugin = (Runnable) loader.loadClass("com.acme.shop.Script").getDeclaredConstructor().newInstance();
        Truth.leaks(); plugin.run();
        COMPILED.put(uri, plugin);
    }

    private static final String STYLE = "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
            + "<xsl:template match='/'><out><xsl:value-of select='order/@id'/></out></xsl:template></xsl:stylesheet>";

    /** A style sheet that is compiled for each order. */
    static void xslt(String uri) throws Exception {
        Truth.leaks(); COMPILED.put(uri, TransformerFactory.newInstance().newTemplates(new StreamSource(new StringReader(STYLE))).newTransformer());
    }

    private static final class ScriptLoader extends ClassLoader {
        ScriptLoader() {
            super(ScriptLoader.class.getClassLoader());
        }

        @Override protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith("com.acme.shop.Script")) {
                return super.loadClass(name, resolve);
            }
            byte[] code = read(name);
            return defineClass(name, code, 0, code.length);
        }

        private byte[] read(String name) throws ClassNotFoundException {
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                for (int b = in.read(); b >= 0; b = in.read()) {
                    out.write(b);
                }
                return out.toByteArray();
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    private ClassServices() { }
}
