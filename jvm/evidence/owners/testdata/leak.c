/* Leaks objects with a callback and a list, and waits. As a program it only loads itself as
 * a library, as the functions of programs are no names:
 *   gcc -shared -fPIC -O1 -o libleak.so leak.c && gcc -DPROGRAM -o leak leak.c -L. -lleak -Wl,-rpath,'$ORIGIN' */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void leak(void);

#ifdef PROGRAM
int main(void)
{
	leak();
	for (;;) pause();
}
#else
struct handler { long id; int (*on_data)(void *); char *buffer; };
struct order { struct order *next; char text[200]; };

struct order *all_orders;

int on_data(void *data) { return data != NULL; }

static void *cleared(size_t bytes) { return memset(malloc(bytes), 'x', bytes); }

void leak(void)
{
	for (int i = 0; i < 300; i++) {
		struct handler *h = malloc(sizeof *h);
		*h = (struct handler){i, on_data, cleared(1000)};
		struct order *o = cleared(sizeof *o);
		o->next = all_orders;
		all_orders = o;
	}
}
#endif
