/* Allocates blocks in all the ways that malloc has, prints each of them, and waits.
 * usage: blocks NUMBER [small]: that many blocks by each of four threads.
 * A line is "use ADDRESS USABLE" or "free ADDRESS 0". */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4 };

struct work { int number, small, id; void **blocks; };

static pthread_barrier_t done;

static void *run(void *arg) {
	struct work *w = arg;
	unsigned seed = w->id + 1;
	for (int i = 0; i < w->number; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned r = seed >> 8;
		size_t n = 1 + r % 600;
		if (r % 64 == 0) n = 1 + r % 40000;
		if (!w->small && r % 512 == 0) n = 140000 + r % 300000; /* mmapped */
		void *p = i % 7 == 0 ? calloc(1, n) : malloc(n);
		memset(p, 0x5a, n / (i % 3 + 1));
		if (i % 5 == 0) p = realloc(p, n + r % 900);
		if (i % 11 == 0 && n < 100000) p = realloc(p, 1 + n / 2);
		if (!w->small && r % 512 == 1) { /* mmapped, and aligned to 32 bytes up to 64 KiB */
			free(p);
			p = aligned_alloc(32 << r / 512 % 12, 200000 + r % 100000);
			memset(p, 0x5a, 1000);
		}
		if (!w->small && r % 512 == 2) p = realloc(realloc(p, 500000), 30000 + r % 60000); /* mmapped, then less */
		w->blocks[i] = p;
	}
	/* Freed one by one, to caches and fastbins; and in rows, which join. */
	for (int i = 0; i < w->number; i++)
		if (i % 3 == 0 || i / 40 % 5 == 0) {
			free(w->blocks[i]);
			w->blocks[i] = (void *)((uintptr_t)w->blocks[i] | 1);
		}
	if (w->id == 0) return NULL;
	pthread_barrier_wait(&done);
	for (;;) pause(); /* its cache stays */
}

int main(int argc, char **argv) {
	static struct work w[THREADS];
	static char buffer[1 << 16];
	int number = atoi(argv[1]);
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	printf("start\n");
	pthread_barrier_init(&done, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		/* mmapped, and partly touched */
		w[i] = (struct work){number, argc > 2, i, malloc(number * sizeof(void *) + 140000)};
		if (i > 0) pthread_create(&thread, NULL, run, &w[i]);
	}
	run(&w[0]); /* in the main arena */
	pthread_barrier_wait(&done);
	for (int i = 0; i < THREADS; i++) {
		printf("use %p %zu\n", (void *)w[i].blocks, malloc_usable_size(w[i].blocks));
		for (int k = 0; k < number; k++) {
			uintptr_t p = (uintptr_t)w[i].blocks[k];
			if (p & 1)
				printf("free %p 0\n", (void *)(p & ~(uintptr_t)1));
			else
				printf("use %p %zu\n", (void *)p, malloc_usable_size((void *)p));
		}
	}
	printf("ready\n");
	fflush(stdout);
	char c;
	return read(0, &c, 1) < 0; /* getchar would allocate */
}
