// launcher LIBJVM OPTION... CLASS: a JVM in a process that is not called java
// and runs on the stack of its first thread, as in programs that embed one.

#define _GNU_SOURCE // asprintf

#include <dlfcn.h>
#include <jni.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "launcher: %s: %s\n", what, why);
	exit(1);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		fail("usage", "launcher LIBJVM OPTION... CLASS");
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (!library)
		fail("dlopen", dlerror());
	jint (JNICALL *create)(JavaVM **, void **, void *) = dlsym(library, "JNI_CreateJavaVM");
	if (!create)
		fail("dlsym", dlerror());

	JavaVMOption options[argc];
	int count = 0;
	for (int i = 2; i < argc - 1; i++) {
		char *text = argv[i];
		if (strcmp(text, "-cp") == 0 && i + 1 < argc - 1) { // the only one that java translates for us
			i++;
			if (asprintf(&text, "-Djava.class.path=%s", argv[i]) < 0)
				fail("-cp", "out of memory");
		}
		options[count++] = (JavaVMOption){.optionString = text};
	}
	JavaVM *vm;
	JNIEnv *env;
	JavaVMInitArgs arguments = {.version = JNI_VERSION_1_8, .nOptions = count, .options = options};
	if (create(&vm, (void **)&env, &arguments) != JNI_OK)
		fail("JNI_CreateJavaVM", "refused");

	jclass class = (*env)->FindClass(env, argv[argc - 1]);
	jmethodID method = class ? (*env)->GetStaticMethodID(env, class, "main", "([Ljava/lang/String;)V") : NULL;
	if (method)
		(*env)->CallStaticVoidMethod(env, class, method,
			(*env)->NewObjectArray(env, 0, (*env)->FindClass(env, "java/lang/String"), NULL));
	if ((*env)->ExceptionCheck(env)) {
		(*env)->ExceptionDescribe(env);
		return 1;
	}
	return (*vm)->DestroyJavaVM(vm);
}
