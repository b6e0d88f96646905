// Leaks of C code. Each returns the bytes of the chunks that it leaked.
#define _GNU_SOURCE
#include <jni.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static __thread unsigned seed = 1;

static void fill(void *block, size_t bytes)
{
	unsigned char *to = block;
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1103515245 + 12345;
		to[i] = seed >> 16;
	}
}

// chunk is the size of a block with its header.
static jlong chunk(void *block) { return malloc_usable_size(block) + sizeof(size_t); }

static void *filled(size_t bytes)
{
	void *block = malloc(bytes);
	fill(block, bytes);
	return block;
}

// mallctl is jemalloc's, if that is used.
__attribute__((weak)) int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);

JNIEXPORT jlong JNICALL Java_Native_inUse(JNIEnv *env, jclass class)
{
	if (mallctl) {
		uint64_t epoch = 1;
		size_t allocated = 0, bytes = sizeof allocated;
		mallctl("epoch", NULL, NULL, &epoch, sizeof epoch); // brings the statistics up to date
		mallctl("stats.allocated", &allocated, &bytes, NULL, 0);
		return allocated;
	}
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

JNIEXPORT jint JNICALL Java_Native_sizeOf(JNIEnv *env, jclass class, jlong address) { return chunk((void *)address); }

// An object with a function pointer and a buffer, which nobody refers to.
struct handler {
	long id;
	int (*on_data)(void *);
	char *buffer;
};

static int on_data(void *data) { return data != NULL; }

JNIEXPORT jlong JNICALL Java_Native_handler(JNIEnv *env, jclass class, jint bytes)
{
	struct handler *h = malloc(sizeof *h);
	h->id = 7;
	h->on_data = on_data;
	h->buffer = filled(bytes);
	return chunk(h) + chunk(h->buffer);
}

// A list that starts at a global variable.
struct order {
	struct order *next;
	char *payload;
};

struct order *all_orders;

JNIEXPORT jlong JNICALL Java_Native_list(JNIEnv *env, jclass class, jint bytes)
{
	struct order *o = malloc(sizeof *o);
	o->payload = filled(bytes);
	o->next = all_orders;
	all_orders = o;
	return chunk(o) + chunk(o->payload);
}

// A table of pointers that grows by realloc.
void **cache_entries;
static size_t entries, capacity;

JNIEXPORT jlong JNICALL Java_Native_table(JNIEnv *env, jclass class, jint bytes)
{
	jlong grown = 0;
	if (entries == capacity) {
		size_t before = capacity ? chunk(cache_entries) : 0;
		capacity = capacity ? 2 * capacity : 1024;
		cache_entries = realloc(cache_entries, capacity * sizeof *cache_entries);
		grown = chunk(cache_entries) - before;
	}
	void *block = filled(bytes);
	cache_entries[entries++] = block;
	return grown + chunk(block);
}

// One block that becomes larger and larger.
char *log_buffer;
static size_t logged;

JNIEXPORT jlong JNICALL Java_Native_grow(JNIEnv *env, jclass class, jint bytes)
{
	log_buffer = realloc(log_buffer, logged + bytes);
	fill(log_buffer + logged, bytes);
	logged += bytes;
	return bytes;
}

JNIEXPORT jlong JNICALL Java_Native_random(JNIEnv *env, jclass class, jint bytes) { return chunk(filled(bytes)); }

JNIEXPORT jlong JNICALL Java_Native_text(JNIEnv *env, jclass class, jint bytes)
{
	char *text = malloc(bytes);
	memset(text, 'a', bytes - 1);
	text[bytes - 1] = 0;
	return chunk(text);
}

JNIEXPORT jlong JNICALL Java_Native_peer(JNIEnv *env, jclass class, jint bytes) { return (jlong)filled(bytes); }

JNIEXPORT jlong JNICALL Java_Native_untouched(JNIEnv *env, jclass class, jint bytes) { return chunk(calloc(1, bytes)); }

JNIEXPORT jlong JNICALL Java_Native_map(JNIEnv *env, jclass class, jint bytes, jboolean callback)
{
	void **block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill(block, bytes);
	if (callback)
		block[0] = (void *)on_data;
	long page = sysconf(_SC_PAGESIZE);
	return (bytes + page - 1) / page * page;
}

// Threads of native code with a block each, in arenas of their own.
static void *wait_with_block(void *block)
{
	memset(block, 1, malloc_usable_size(block));
	void *own = malloc(malloc_usable_size(block));
	memset(own, 2, malloc_usable_size(block));
	pause();
	return own;
}

JNIEXPORT jlong JNICALL Java_Native_thread(JNIEnv *env, jclass class, jint bytes)
{
	pthread_t thread;
	pthread_attr_t attributes;
	void *block = malloc(bytes);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	pthread_create(&thread, &attributes, wait_with_block, block);
	return 2 * chunk(block);
}

// Blocks of handlers that were freed are used again, and only begun to be written.
JNIEXPORT jlong JNICALL Java_Native_reused(JNIEnv *env, jclass class, jint bytes)
{
	enum { SIZE = 1000 };
	size_t count = bytes / (SIZE + 8);
	struct handler **handlers = malloc(count * sizeof *handlers);
	for (size_t i = 0; i < count; i++) {
		handlers[i] = malloc(SIZE);
		for (size_t k = 0; k + sizeof **handlers <= SIZE; k += sizeof **handlers)
			*(struct handler *)((char *)handlers[i] + k) = (struct handler){7, on_data, NULL};
	}
	for (size_t i = 0; i < count; i++)
		free(handlers[i]);
	jlong leaked = 0;
	for (size_t i = 0; i < count; i++) {
		char *text = malloc(SIZE);
		memset(text, 't', 100);
		leaked += chunk(text);
	}
	free(handlers);
	return leaked;
}

// Numbers that are addresses by chance: in libc, in this library, of the JVM, of the heap.
JNIEXPORT jlong JNICALL Java_Native_pointers(JNIEnv *env, jclass class, jint bytes, jobject object)
{
	size_t count = bytes / sizeof(size_t);
	size_t *block = malloc(bytes);
	size_t near[] = {(size_t)malloc & ~0xfffffUL, (size_t)(*env)->GetVersion & ~0xfffffUL, (size_t)block & ~0xfffffUL, (size_t)&seed & ~0xfffffUL};
	for (size_t i = 0; i < count; i++) {
		fill(&block[i], sizeof block[i]);
		block[i] = near[block[i] % 4] + (block[i] >> 8) % 0x200000;
	}
	return chunk(block);
}

// Freed, but for the last block of each MiB, so glibc keeps the memory.
JNIEXPORT jlong JNICALL Java_Native_retained(JNIEnv *env, jclass class, jint bytes)
{
	enum { SIZE = 1000 };
	size_t count = bytes / (SIZE + 8);
	void **blocks = malloc(count * sizeof *blocks);
	for (size_t i = 0; i < count; i++)
		blocks[i] = filled(SIZE);
	// It would be used again by the next call.
	static void **kept;
	void **last = malloc(SIZE);
	*last = kept;
	kept = last;
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
	free(blocks);
	return bytes;
}

JNIEXPORT void JNICALL Java_Native_characters(JNIEnv *env, jclass class, jstring text) { (*env)->GetStringUTFChars(env, text, NULL); }

JNIEXPORT void JNICALL Java_Native_elements(JNIEnv *env, jclass class, jbyteArray array) { (*env)->GetByteArrayElements(env, array, NULL); }

JNIEXPORT void JNICALL Java_Native_global(JNIEnv *env, jclass class, jobject object) { (*env)->NewGlobalRef(env, object); }

JNIEXPORT void JNICALL Java_Native_weak(JNIEnv *env, jclass class, jobject object) { (*env)->NewWeakGlobalRef(env, object); }
