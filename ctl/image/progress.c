/* SPDX-License-Identifier: MIT */
/* How far an import is: a bar on a terminal, a line for each layer elsewhere. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/image/image.h"
#include "ctl/text.h"

#define BAR_WIDTH 30
#define BAR_MIN	  4
#define COLUMNS	  80
/* It is looked at so often; what was done by the first look took as long, at most. */
#define RATE_MIN_NS (100 * NSEC_PER_MSEC)
/* A host that answers sooner is not worth a word. */
#define WAIT_TERMINAL_NS (1 * NSEC_PER_SEC)
#define WAIT_NS		 (3 * NSEC_PER_SEC)

/**
 * size_text() - a number of bytes for people
 *
 * Return: @buf.
 */
const char *size_text(char buf[16], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double n = (double)bytes;
	size_t u = 0;

	for (; n >= 1000 && u + 2 < sizeof(units); u++)
		n /= 1024;
	snprintf(buf, 16, u == 0 || n >= 100 ? "%.0f%c" : "%.1f%c", n, units[u]);
	return buf;
}

/**
 * progress_begin() - get ready to show how far something is
 * @out: where; the bar only shows on a terminal
 */
void progress_begin(struct progress *p, FILE *out)
{
	*p = (struct progress){
		.out = out,
		.terminal = isatty(fileno(out)),
		.began_ns = clock_boottime_ns(),
	};
}

static size_t columns(FILE *out)
{
	struct winsize size = { .ws_col = 0 };

	(void)ioctl(fileno(out), TIOCGWINSZ, &size); /* or it is as wide as most */
	return size.ws_col ? size.ws_col : COLUMNS;
}

static void fill(char *bar, size_t n, size_t filled)
{
	bar[0] = '[';
	memset(bar + 1, '#', filled);
	memset(bar + 1 + filled, '.', n - filled);
	bar[n + 1] = ']';
	bar[n + 2] = '\0';
}

/* The bar has what the line leaves; the last column would wrap on some terminals. */
static void draw(struct progress *p, const struct worker_progress *now)
{
	double s = (double)(clock_boottime_ns() - p->began_ns + RATE_MIN_NS) / (double)NSEC_PER_SEC;
	uint64_t total = now->total_bytes ? now->total_bytes : 1;
	size_t width = columns(p->out) - 1, filled, bar_n = 0;
	char bar[BAR_WIDTH + 3] = "", done[16], all[16], rate[16], head[64], tail[64], line[192];
	int used;

	used = snprintf(head, sizeof(head), "%s %u/%u ",
			now->fetching ? "fetch" : "layer", now->layer, now->layer_n);
	used += snprintf(tail, sizeof(tail), " %s/%s %s/s", size_text(done, now->done_bytes),
			 size_text(all, now->total_bytes),
			 size_text(rate, (uint64_t)((double)now->done_bytes / s)));
	if ((size_t)used + BAR_MIN + 2 <= width)
		bar_n = width - (size_t)used - 2 < BAR_WIDTH ? width - (size_t)used - 2 : BAR_WIDTH;
	filled = now->done_bytes < total ? (size_t)(now->done_bytes * bar_n / total) : bar_n;
	if (bar_n > 0)
		fill(bar, bar_n, filled);
	snprintf(line, sizeof(line), "%s%s%s", head, bar, bar_n > 0 ? tail : tail + 1);
	fprintf(p->out, "\r\033[K%.*s", (int)width, line);
	(void)fflush(p->out);
	p->shown = true;
}

/* Nothing is known yet of what will come. */
static void wait_for_host(struct progress *p, const struct worker_progress *now)
{
	char host[WORKER_HOST_MAX], clean[WORKER_HOST_MAX * 4 + 1];
	uint64_t now_ns = clock_boottime_ns();

	snprintf(host, sizeof(host), "%.*s", (int)sizeof(host) - 1, now->host);
	if (strcmp(p->host, host) != 0) {
		snprintf(p->host, sizeof(p->host), "%s", host);
		p->waits_ns = now_ns;
		p->told_host = false;
	}
	if (!host[0] || p->told_host ||
	    now_ns - p->waits_ns < (p->terminal ? WAIT_TERMINAL_NS : WAIT_NS))
		return;
	fprintf(p->out, p->terminal ? "\r\033[Kwaiting for %s" : "waiting for %s\n",
		text_clean(clean, sizeof(clean), host));
	(void)fflush(p->out);
	p->told_host = true;
	p->shown |= p->terminal;
}

/**
 * progress_watch() - a worker_watch_fn: show what has changed
 */
void progress_watch(void *progress, const struct worker_progress *now)
{
	struct progress *p = progress;
	char all[16];

	if (now->layer == 0) {
		wait_for_host(p, now);
		return;
	}
	if (p->terminal) {
		if (now->fetching != p->fetching) /* the bytes count anew */
			p->began_ns = clock_boottime_ns();
		p->fetching = now->fetching;
		draw(p, now);
	} else if (now->layer != p->layer || now->fetching != p->fetching) {
		fprintf(p->out, "%s %u of %u, %s in all\n", now->fetching ? "fetch" : "layer",
			now->layer, now->layer_n, size_text(all, now->total_bytes));
		(void)fflush(p->out);
		p->fetching = now->fetching;
		p->layer = now->layer;
	}
}

/**
 * progress_end() - leave the terminal's line clean
 */
void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", p->out);
	(void)fflush(p->out);
	p->shown = false;
}
