// The native half of the workload: memory that the JVM knows nothing of.
// Needs glibc 2.33 (mallinfo2) or newer.

#include <errno.h>
#include <fcntl.h>
#include <jni.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// block heads a chunk or a mapping and links it to the one before.
struct block {
	struct block *next;
	size_t size;
};

static struct block *chunks, *mappings;

static void fail(JNIEnv *env, const char *what, int error)
{
	char text[200];
	snprintf(text, sizeof text, "%s: %s", what, strerror(error));
	(*env)->ThrowNew(env, (*env)->FindClass(env, "java/lang/IllegalStateException"), text);
}

// add touches a block and puts it at the head of a list.
static void add(struct block **list, struct block *block, size_t size)
{
	memset(block, 1, size);
	block->next = *list;
	block->size = size;
	*list = block;
}

static jlong sum(const struct block *block)
{
	jlong bytes = 0;
	for (; block; block = block->next)
		bytes += block->size;
	return bytes;
}

JNIEXPORT jlong JNICALL Java_Library_allocate(JNIEnv *env, jclass class, jlong bytes, jlong chunk)
{
	if (chunk < (jlong)sizeof(struct block)) {
		fail(env, "size of a chunk", EINVAL);
		return 0;
	}
	for (jlong i = 0; i < bytes / chunk; i++) {
		struct block *block = malloc(chunk);
		if (!block) {
			fail(env, "malloc", errno);
			return 0;
		}
		add(&chunks, block, chunk);
	}
	return sum(chunks);
}

JNIEXPORT jlong JNICALL Java_Library_freeAll(JNIEnv *env, jclass class)
{
	while (chunks) {
		struct block *next = chunks->next;
		free(chunks);
		chunks = next;
	}
	return 0;
}

JNIEXPORT jlong JNICALL Java_Library_map(JNIEnv *env, jclass class, jlong bytes)
{
	void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED) {
		fail(env, "mmap", errno);
		return 0;
	}
	add(&mappings, block, bytes);
	return sum(mappings);
}

JNIEXPORT jlong JNICALL Java_Library_unmapAll(JNIEnv *env, jclass class)
{
	while (mappings) {
		struct block *next = mappings->next;
		munmap(mappings, mappings->size);
		mappings = next;
	}
	return 0;
}

// Retention. Each thread mallocs its share and frees all but the last chunk,
// above which its arena ends: glibc can give nothing back. The threads live on,
// as a dead one's arena is handed to the next new thread, which would use it up.

enum phase { ALLOCATE, FREE, END };

struct retainer {
	struct retainer *next;
	pthread_t thread;
	size_t bytes;
	enum phase phase;
	int done, failed; // done with its phase
};

static struct retainer *retainers; // the newest first
static int all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void await(struct retainer *self, enum phase phase)
{
	pthread_mutex_lock(&lock);
	self->done = 1;
	pthread_cond_broadcast(&changed);
	while (self->phase != phase)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void *retain(void *argument)
{
	struct retainer *self = argument;
	const size_t size = 4096; // more than glibc's caches of small chunks keep
	struct block *list = NULL;
	for (size_t done = 0; done < self->bytes && !self->failed; done += size) {
		struct block *block = malloc(size - 16); // and its header
		if (block)
			add(&list, block, size - 16);
		else
			self->failed = 1;
	}
	// When all have theirs: threads may have to share an arena.
	await(self, FREE);
	while (list && list->next) {
		struct block *next = list->next->next;
		free(list->next);
		list->next = next;
	}
	await(self, END);
	free(list);
	return NULL;
}

// settle waits until the first count retainers have done their phase; needs lock.
static void settle(int count)
{
	struct retainer *retainer = retainers;
	for (int i = 0; i < count; i++, retainer = retainer->next)
		while (!retainer->done)
			pthread_cond_wait(&changed, &lock);
}

// advance lets the first count retainers go on; needs lock.
static void advance(int count, enum phase phase)
{
	struct retainer *retainer = retainers;
	for (int i = 0; i < count; i++, retainer = retainer->next) {
		retainer->done = 0;
		retainer->phase = phase;
	}
	pthread_cond_broadcast(&changed);
}

JNIEXPORT void JNICALL Java_Library_retain(JNIEnv *env, jclass class, jlong bytes, jint threads)
{
	int count = 0, error = 0, failed = 0;
	pthread_mutex_lock(&lock);
	while (count < threads && !error) {
		struct retainer *retainer = calloc(1, sizeof *retainer);
		retainer->bytes = bytes / threads;
		error = pthread_create(&retainer->thread, NULL, retain, retainer);
		if (error) {
			free(retainer);
			break;
		}
		retainer->next = retainers;
		retainers = retainer;
		all++;
		count++;
	}
	settle(count);
	advance(count, FREE);
	settle(count);
	struct retainer *retainer = retainers;
	for (int i = 0; i < count; i++, retainer = retainer->next)
		failed |= retainer->failed;
	pthread_mutex_unlock(&lock);
	if (error || failed)
		fail(env, "retain", error ? error : ENOMEM);
}

JNIEXPORT void JNICALL Java_Library_release(JNIEnv *env, jclass class)
{
	pthread_mutex_lock(&lock);
	advance(all, END);
	pthread_mutex_unlock(&lock);
	while (retainers) {
		struct retainer *next = retainers->next;
		pthread_join(retainers->thread, NULL);
		free(retainers);
		retainers = next;
	}
	all = 0;
	malloc_trim(0);
}

// Fragmentation. Each chunk is cut to its first bytes when all are there, so
// that what is free never becomes one piece; and each call's chunks are larger
// than those before, so that none fits into what is free: glibc retains it all.
JNIEXPORT void JNICALL Java_Library_fragment(JNIEnv *env, jclass class, jlong bytes)
{
	static size_t size = 4096;
	struct block *whole = NULL;
	for (size_t done = 0; done < (size_t)bytes; done += size) {
		struct block *block = malloc(size - 16); // and its header
		if (!block) {
			fail(env, "malloc", errno);
			return;
		}
		add(&whole, block, size - 16);
	}
	while (whole) {
		struct block *next = whole->next;
		if (realloc(whole, sizeof *whole) != whole) // in place
			fail(env, "realloc", errno);
		whole = next;
	}
	size += 64;
}

// Names short enough to be in the kernel's own entry (32 bytes).
JNIEXPORT void JNICALL Java_Library_lookUp(JNIEnv *env, jclass class, jbyteArray folder, jlong count)
{
	char path[4096] = {0}, name[32];
	jsize length = (*env)->GetArrayLength(env, folder);
	if (length >= (jsize)sizeof path) {
		fail(env, "folder", ENAMETOOLONG);
		return;
	}
	(*env)->GetByteArrayRegion(env, folder, 0, length, (jbyte *)path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fail(env, path, errno);
		return;
	}
	for (jlong i = 0; i < count; i++) {
		snprintf(name, sizeof name, "absent-%ld", (long)i);
		if (faccessat(fd, name, F_OK, 0) == 0 || errno != ENOENT) {
			fail(env, name, errno);
			break;
		}
	}
	close(fd);
}

// glibc's account of all arenas. What a thread caches (some KiB) counts as in use.

JNIEXPORT jlong JNICALL Java_Library_inUse(JNIEnv *env, jclass class)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

JNIEXPORT jlong JNICALL Java_Library_retained(JNIEnv *env, jclass class)
{
	return mallinfo2().fordblks;
}
