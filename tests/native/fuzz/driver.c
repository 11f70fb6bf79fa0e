/* A small coverage-guided fuzzer for compilers without libFuzzer, with its interface: what reaches a new edge of the
 * target is kept and changed further. It is given folders of inputs, `-runs=N`, `-max_total_time=S`, `-seed=N`; at a
 * mistake the sanitizers end the process, and the input stands in ./crash. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    uint8_t *bytes;
    size_t size;
} Input;

enum { EDGES = 1 << 16, MOST_INPUTS = 1 << 16, MOST_BYTES = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static uint8_t seen[EDGES], met[EDGES]; /* by edge: how often, in powers of two; of all inputs, and of this one */
static uintptr_t before;
static Input inputs[MOST_INPUTS], now;
static size_t count;
static uint64_t state = 1;

void __sanitizer_cov_trace_pc(void);
__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    uint8_t *times = &met[(here ^ before >> 1) & (EDGES - 1)];
    *times = (uint8_t)(*times + (*times < 255));
    before = here;
}

static uint64_t chance(uint64_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return below ? state % below : 0;
}

/* The buckets of AFL: a loop that runs five times is no news after one that ran six times. */
static uint8_t bucket(uint8_t times)
{
    uint8_t bit = 1;
    while (times > 1 && bit < 128)
        times /= 2, bit = (uint8_t)(bit * 2);
    return times ? bit : 0;
}

static int is_news(void)
{
    int news = 0;
    for (int i = 0; i < EDGES; i++)
        if (met[i]) {
            news |= bucket(met[i]) & ~seen[i];
            seen[i] |= bucket(met[i]);
        }
    return news;
}

static void keep(const uint8_t *bytes, size_t size)
{
    if (count == MOST_INPUTS)
        return;
    inputs[count] = (Input){malloc(size + 1), size};
    memcpy(inputs[count++].bytes, bytes, size);
}

static void try_it(const uint8_t *bytes, size_t size)
{
    uint8_t *own = malloc(size + !size); /* of its exact size: one byte beyond is seen */
    memcpy(own, bytes, size);
    now = (Input){own, size};
    memset(met, 0, sizeof met);
    before = 0;
    LLVMFuzzerTestOneInput(own, size);
    if (is_news())
        keep(bytes, size);
    free(own);
}

static size_t put_in(uint8_t *to, size_t size, size_t at, const uint8_t *bytes, size_t len)
{
    if (size + len > MOST_BYTES)
        return size;
    memmove(to + at + len, to + at, size - at);
    memcpy(to + at, bytes, len);
    return size + len;
}

static size_t change(uint8_t *to, size_t size)
{
    static const char *words[] = {"null", "999999999999999999", "1e9", "-1", "\xff", "\x1e""f", "\x1e""t", "\x1e""c", "\"\"", "0."};
    const Input *other = &inputs[chance(count)];
    size_t at = chance(size + 1), len = chance(size - at + 1) % 200;
    const char *word = words[chance(sizeof words / sizeof *words)];
    switch (chance(6)) {
    case 0:
        if (at < size)
            to[at] ^= (uint8_t)(1 << chance(8));
        return size;
    case 1:
        if (at < size)
            to[at] = (uint8_t)chance(256);
        return size;
    case 2:
        memmove(to + at, to + at + len, size - at - len);
        return size - len;
    case 3:
        return put_in(to, size, at, (const uint8_t *)word, strlen(word));
    case 4:
        len = chance(other->size + 1);
        return put_in(to, size, at, other->bytes + chance(other->size - len + 1), len);
    default:
        return at; /* it ends here */
    }
}

static void read_folder(const char *name)
{
    static uint8_t bytes[MOST_BYTES];
    char path[4096];
    DIR *folder = opendir(name);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        FILE *file = *entry->d_name == '.' ? NULL : fopen(path, "rb");
        if (file == NULL)
            continue;
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        try_it(bytes, size);
    }
    if (folder)
        closedir(folder);
}

static void write_crash(int number)
{
    int file = open("crash", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, now.bytes, now.size) < 0)
        perror("crash");
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc, char **argv)
{
    static uint8_t bytes[MOST_BYTES];
    long runs = -1, seconds = 60, done = 0;
    signal(SIGABRT, write_crash);
    signal(SIGILL, write_crash);
    signal(SIGTRAP, write_crash);
    for (int i = 1; i < argc; i++) {
        sscanf(argv[i], "-runs=%ld", &runs);
        sscanf(argv[i], "-max_total_time=%ld", &seconds);
        sscanf(argv[i], "-seed=%lu", &state);
    }
    for (int i = 1; i < argc; i++)
        if (*argv[i] != '-')
            read_folder(argv[i]);
    if (count == 0)
        keep((const uint8_t *)"", 0);
    size_t given = count;
    for (time_t end = time(NULL) + seconds; done != runs && time(NULL) < end; done++) {
        const Input *from = &inputs[chance(count)];
        size_t size = from->size;
        memcpy(bytes, from->bytes, size);
        for (uint64_t i = 1 + chance(4); i > 0; i--)
            size = change(bytes, size);
        try_it(bytes, size);
    }
    printf("Done %ld runs: %zu inputs that reach further, beside %zu that were given\n", done, count - given, given);
    return 0;
}
