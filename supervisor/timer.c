/* SPDX-License-Identifier: MIT */
/* The pairing heap of timers. */
#include "supervisor/timer.h"

#include <assert.h>
#include <stddef.h>

/* Makes the later of two roots the first child of the earlier one. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *parent = b->deadline_ns < a->deadline_ns ? b : a;
	struct timer *child = parent == a ? b : a;

	child->next = parent->child;
	if (child->next)
		child->next->link = &child->next;
	child->link = &parent->child;
	parent->child = child;
	return parent;
}

/* One tree from a list of siblings, or NULL from none: two passes, which is
 * what bounds the cost. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *a = first, *b = a->next;

		first = b ? b->next : NULL;
		if (b)
			a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *t = pairs;

		pairs = t->next;
		root = root ? meld(root, t) : t;
	}
	return root;
}

static void add_tree(struct timer_heap *heap, struct timer *tree)
{
	heap->root = heap->root ? meld(heap->root, tree) : tree;
	heap->root->link = &heap->root;
	heap->root->next = NULL;
}

/**
 * timer_heap_insert() - set a timer that is not set
 * @timer: owned by the caller; stays linked until it is removed
 * @deadline_ns: CLOCK_BOOTTIME, not 0
 */
void timer_heap_insert(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns)
{
	assert(deadline_ns && !timer_is_set(timer));
	timer->deadline_ns = deadline_ns;
	timer->child = NULL;
	add_tree(heap, timer);
}

/**
 * timer_heap_remove() - unset a timer; nothing happens if it is not set
 * @timer: the caller's again, also to free
 */
void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
	struct timer *children;

	if (!timer_is_set(timer))
		return;
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	children = meld_siblings(timer->child);
	if (children)
		add_tree(heap, children);
	timer->deadline_ns = 0;
}
