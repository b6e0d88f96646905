/* Allocates a chunk that malloc mmaps, prints it, and lets the kernel join it with 32 MiB of
 * other memory, which lies below it. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
	size_t page = sysconf(_SC_PAGESIZE), others = 32 << 20;
	char *p, *below;
	do { /* until there is room below */
		p = malloc(7 << 20);
		memset(p, 0x5a, 7 << 20);
		below = (char *)((uintptr_t)p & -page) - others;
	} while (mmap(below, others, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
	memset(below, 1, others);
	printf("use %p %zu\nready\n", (void *)p, malloc_usable_size(p));
	fflush(stdout);
	char c;
	return read(0, &c, 1) < 0; /* getchar would allocate */
}
