/* The meters of the learned rules: the twin of burnline/detection/learned/{windows,meters,engine}.py.
 *
 * Calls come as columns; for each, every statistic of its session and agent is brought up to date in constant time and
 * held against its agent's lines. What is out of range is handed back; Python judges. Sums are integers, so they do not
 * depend on how calls are cut into batches, and floating point is done in the same order as there.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum {
    STREAK, STREAK_TO_USUAL, MONEY_5M, AGENT_1H, AGENT_6H, LEAST_COST, CALLS_1M, CALLS_5M, SAME_CALLS, ALIKE_CALLS,
    MODEL_5, CACHE_5, CACHE_15, AGENT_CACHE_50, PARALLEL_RUNS, AGENT_STARTED_2M, AGENT_ACTIVE_2M, AGENT_COST_24H,
    AGENT_MODEL_50, STREAK_CALLS, AGENT_HOUR_TO_BEFORE, STATISTICS
};

#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define DAY_MS 86400000LL
#define STREAK_PAUSE_MS 120000LL
#define ACTIVE_PAUSE_MS 300000LL
#define FIRST_CALL_MS 10000LL
#define LOOP_PAUSE_MS 180000LL
#define SESSION_IDLE_MS DAY_MS
#define TELL_AGAIN_MS 60000LL
#define SAME_TOKENS 8
#define ALIKE_TOKENS 300
#define FIRST_CALLS 30
#define LEAST_USUAL_CALLS 20
#define LEAST_USUAL_MS (HOUR_MS / 4)
#define LEAST_PICO 1000
#define MOST_SEEN 64
#define MOST_BEGUN 256
#define NOTHING_YET (-INFINITY)

/* A sum over the last `count` buckets; `slots` stand behind each other in the owner. */
typedef struct { int64_t newest, total; } ring_t;

static int64_t ring_add(ring_t *ring, int64_t *slots, int64_t width, int64_t count, int64_t at, int64_t value)
{
    int64_t index = at / width;
    if (index > ring->newest) {
        if (index - ring->newest >= count) {
            memset(slots, 0, (size_t)count * sizeof *slots);
            ring->total = 0;
        } else
            for (int64_t passed = ring->newest + 1; passed <= index; passed++) {
                ring->total -= slots[passed % count];
                slots[passed % count] = 0;
            }
        ring->newest = index;
    } else if (index <= ring->newest - count)
        return ring->total;
    slots[index % count] += value;
    return ring->total += value;
}

/* The sum of the last `size` integers. */
typedef struct { int64_t total; uint32_t next, held; } last_t;

static int last_add(last_t *last, int64_t *values, uint32_t size, int64_t value)
{
    if (last->held == size)
        last->total -= values[last->next];
    else
        last->held++;
    values[last->next] = value;
    last->next = last->next + 1 == size ? 0 : last->next + 1;
    last->total += value;
    return last->held == size;
}

/* How many different things were seen in a window. */
typedef struct { int64_t when, thing; } seen_t;
typedef struct { uint32_t held, room; seen_t *seen; } recent_t;

static int recent_add(recent_t *recent, int64_t window, int64_t at, int64_t thing)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < recent->held; i++)
        if (recent->seen[i].when >= at - window && recent->seen[i].thing != thing)
            recent->seen[kept++] = recent->seen[i];
    if (kept == MOST_SEEN) {
        memmove(recent->seen, recent->seen + 1, (MOST_SEEN - 1) * sizeof *recent->seen);
        kept--;
    }
    if (kept == recent->room) {
        uint32_t room = recent->room ? recent->room * 2 : 2;
        seen_t *seen = realloc(recent->seen, room * sizeof *seen);
        if (!seen)
            abort();
        recent->seen = seen, recent->room = room;
    }
    recent->seen[kept++] = (seen_t){at, thing};
    recent->held = kept;
    return (int)kept;
}

typedef struct {
    int64_t calls, active_ms, cost, weight;
    double rates[4];
    int64_t warm_tokens, warm_cached, warm_write, log_cost;
} usage_t;

typedef struct {
    int64_t last_ms, cost, active_ms;
    int64_t day, day_cost, day_active_ms, day_calls;
    int64_t streak, streak_dearest, streak_calls;
    ring_t money, calls_1m, calls_5m;
    int64_t money_slots[30], dearest[30], calls_1m_slots[6], calls_5m_slots[30];
    int64_t model, run, input, same, alike;
    last_t models, cache_5, cache_15, costs;
    int64_t models_values[5], cache_5_values[5], cache_15_values[15], cost_values[20];
    recent_t runs;
    uint64_t told;
    int64_t told_ms;
} session_t;

typedef struct {
    ring_t hour, six_hours, log_costs, day_calls, hour_cost, hour_active_ms, hour_calls;
    int64_t hour_cost_slots[60], hour_active_slots[60], hour_call_slots[60];
    int64_t hour_slots[60], six_hours_slots[72], log_cost_slots[24], day_call_slots[24];
    last_t cache, models;
    int64_t cache_values[50], model_values[50];
    int64_t begun[MOST_BEGUN];
    uint32_t begun_first, begun_held;
    recent_t active;
    int has_usual, muted;
    double usual[4], hit, wrote;
    usage_t past, today;
    double peaks[STATISTICS];
    double *lines;
} agent_t;

typedef struct {
    uint32_t place, padding;
    uint64_t fired;
    double values[STATISTICS];
    double usual;
    int64_t cost, active_ms;
} hit_t;

typedef struct {
    uint32_t rules, conditions;
    uint32_t *ends, *statistics;
    int64_t (*rates)[4];
    uint32_t models;
    agent_t **agents;
    uint32_t agent_room;
    session_t **sessions;
    uint32_t session_room;
    hit_t *hits;
    uint32_t hit_count, hit_room;
    uint32_t *forgotten;
} meters_t;

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

API meters_t *meters_new(uint32_t rules, const uint32_t *ends, uint32_t conditions, const uint32_t *statistics)
{
    meters_t *m = checked(calloc(1, sizeof *m));
    m->rules = rules, m->conditions = conditions;
    m->ends = checked(malloc(rules * sizeof *ends + 1));
    memcpy(m->ends, ends, rules * sizeof *ends);
    m->statistics = checked(malloc(conditions * sizeof *statistics + 1));
    memcpy(m->statistics, statistics, conditions * sizeof *statistics);
    return m;
}

static void free_session(session_t *s)
{
    if (s)
        free(s->runs.seen);
    free(s);
}

API void meters_free(meters_t *m)
{
    for (uint32_t i = 0; i < m->agent_room; i++)
        if (m->agents[i]) {
            free(m->agents[i]->active.seen);
            free(m->agents[i]->lines);
            free(m->agents[i]);
        }
    for (uint32_t i = 0; i < m->session_room; i++)
        free_session(m->sessions[i]);
    free(m->ends), free(m->statistics), free(m->rates), free(m->agents), free(m->sessions), free(m->hits);
    free(m->forgotten), free(m);
}

API void meters_set_model(meters_t *m, uint32_t model, const int64_t *rates)
{
    if (model >= m->models) {
        m->rates = checked(realloc(m->rates, (model + 1) * sizeof *m->rates));
        m->models = model + 1;
    }
    memcpy(m->rates[model], rates, sizeof *m->rates);
}

static void *grown(void *items, uint32_t *room, uint32_t wanted)
{
    if (wanted < *room)
        return items;
    uint32_t larger = wanted * 2 + 64;
    void **more = checked(realloc(items, larger * sizeof *more));
    memset(more + *room, 0, (larger - *room) * sizeof *more);
    *room = larger;
    return more;
}

static void reset_peaks(agent_t *a)
{
    for (int i = 0; i < STATISTICS; i++)
        a->peaks[i] = NOTHING_YET;
}

/* usual: 6 numbers (four rates, hit, wrote), or none. */
API void meters_set_agent(meters_t *m, uint32_t agent, const double *usual, const usage_t *past, const double *lines)
{
    m->agents = grown(m->agents, &m->agent_room, agent);
    agent_t *a = m->agents[agent];
    if (!a) {
        a = m->agents[agent] = checked(calloc(1, sizeof *a));
        a->hour.newest = a->six_hours.newest = a->log_costs.newest = a->day_calls.newest = -1;
        a->hour_cost.newest = a->hour_active_ms.newest = a->hour_calls.newest = -1;
        a->lines = checked(malloc(m->conditions * sizeof *lines + 1));
        reset_peaks(a);
    }
    a->has_usual = usual != NULL;
    if (usual) {
        memcpy(a->usual, usual, sizeof a->usual);
        a->hit = usual[4], a->wrote = usual[5];
    }
    a->past = *past;
    memcpy(a->lines, lines, m->conditions * sizeof *lines);
}

API void meters_set_muted(meters_t *m, uint32_t agent, int muted)
{
    m->agents[agent]->muted = muted;
}

static int64_t millionths(double ratio)
{
    return (int64_t)floor(log(ratio) * 1000000.0 + 0.5);
}

static double larger(double one, double other)
{
    return one > other ? one : other;
}

static int64_t in_five_minutes(session_t *s, int64_t at, int64_t cost)
{
    int64_t newest = s->money.newest, index = at / 10000;
    int64_t total = ring_add(&s->money, s->money_slots, 10000, 30, at, cost);
    if (index > newest)
        for (int64_t passed = newest + 1 > index - 29 ? newest + 1 : index - 29; passed <= index; passed++)
            s->dearest[passed % 30] = 0;
    if (index > s->money.newest - 30 && s->dearest[index % 30] < cost)
        s->dearest[index % 30] = cost;
    int64_t dearest = 0;
    for (int i = 0; i < 30; i++)
        if (s->dearest[i] > dearest)
            dearest = s->dearest[i];
    return total - dearest;
}

static double usual_per_ms(const agent_t *a, const session_t *s)
{
    int64_t calls = a->past.calls + a->today.calls - s->day_calls;
    int64_t active_ms = a->past.active_ms + a->today.active_ms - s->day_active_ms;
    int64_t cost = a->past.cost + a->today.cost - s->day_cost;
    return calls >= LEAST_USUAL_CALLS && active_ms > LEAST_USUAL_MS ? (double)cost / (double)active_ms : 0.0;
}

static double hour_to_before(agent_t *a, int64_t at, int64_t cost, int64_t active_ms)
{
    int64_t counted = !a->muted;
    cost *= counted, active_ms *= counted;
    int64_t calls = a->past.calls + a->today.calls + counted
                    - ring_add(&a->hour_calls, a->hour_call_slots, MINUTE_MS, 60, at, counted);
    int64_t active = a->past.active_ms + a->today.active_ms + active_ms
                     - ring_add(&a->hour_active_ms, a->hour_active_slots, MINUTE_MS, 60, at, active_ms);
    int64_t before = a->past.cost + a->today.cost + cost
                     - ring_add(&a->hour_cost, a->hour_cost_slots, MINUTE_MS, 60, at, cost);
    if (calls < LEAST_USUAL_CALLS || active <= LEAST_USUAL_MS || before <= 0)
        return NOTHING_YET;
    return (double)a->hour.total / ((double)before / (double)active * (double)HOUR_MS);
}

static void learn_usual(agent_t *a)
{
    const usage_t *u = &a->today;
    if (!u->weight)
        return;
    double warm = u->warm_tokens > 1 ? (double)u->warm_tokens : 1.0;
    for (int i = 0; i < 4; i++)
        a->usual[i] = u->rates[i] / (double)u->weight;
    a->hit = (double)u->warm_cached / warm, a->wrote = (double)u->warm_write / warm;
    a->has_usual = 1;
}

typedef struct { int64_t at, session, model, run, input, cached, write, output, cost; } call_t;

static void use(agent_t *a, const call_t *c, const int64_t *rates, int64_t active_ms, int64_t log_cost, int warm)
{
    usage_t *u = &a->today;
    int64_t weight = c->input + 4 * c->output;
    u->calls++, u->active_ms += active_ms, u->cost += c->cost, u->weight += weight, u->log_cost += log_cost;
    for (int i = 0; i < 4; i++)
        u->rates[i] += (double)weight * (double)rates[i];
    if (warm)
        u->warm_tokens += c->input, u->warm_cached += c->cached, u->warm_write += c->write;
    if (!a->has_usual && u->calls == FIRST_CALLS)
        learn_usual(a);
}

static void ratios(agent_t *a, session_t *s, const call_t *c, const int64_t *rates, int warm, double *v)
{
    int64_t fresh = c->input - c->cached - c->write;
    int64_t exact = fresh * rates[0] + c->cached * rates[1] + c->write * rates[2] + c->output * rates[3];
    double paid = (double)(exact > LEAST_PICO ? exact : LEAST_PICO);
    double usual = (double)fresh * a->usual[0] + (double)c->cached * a->usual[1] + (double)c->write * a->usual[2]
                   + (double)c->output * a->usual[3];
    int64_t model = millionths(paid / larger(usual, 1000.0)), cache = 0;
    if (warm) {
        double mixed = (1.0 - a->hit - a->wrote) * (double)rates[0] + a->hit * (double)rates[1]
                       + a->wrote * (double)rates[2];
        cache = millionths(paid / larger((double)c->input * mixed + (double)(c->output * rates[3]), 1000.0));
    }
    if (last_add(&s->models, s->models_values, 5, model))
        v[MODEL_5] = (double)s->models.total / 5.0;
    if (last_add(&s->cache_5, s->cache_5_values, 5, cache))
        v[CACHE_5] = (double)s->cache_5.total / 5.0;
    if (last_add(&s->cache_15, s->cache_15_values, 15, cache))
        v[CACHE_15] = (double)s->cache_15.total / 15.0;
    if (last_add(&a->cache, a->cache_values, 50, cache))
        v[AGENT_CACHE_50] = (double)a->cache.total / 50.0;
    if (last_add(&a->models, a->model_values, 50, model))
        v[AGENT_MODEL_50] = (double)a->models.total / 50.0;
}

static int begun_add(agent_t *a, int64_t at, int begins)
{
    if (begins) {
        a->begun[(a->begun_first + a->begun_held) % MOST_BEGUN] = at;
        if (a->begun_held < MOST_BEGUN)
            a->begun_held++;
        else
            a->begun_first = (a->begun_first + 1) % MOST_BEGUN;
    }
    while (a->begun_held && a->begun[a->begun_first] < at - 2 * MINUTE_MS)
        a->begun_first = (a->begun_first + 1) % MOST_BEGUN, a->begun_held--;
    return (int)a->begun_held;
}

static int64_t least_cost(session_t *s, int64_t cost)
{
    if (!last_add(&s->costs, s->cost_values, 20, cost))
        return 0;
    int64_t least = s->cost_values[0];
    for (int i = 1; i < 20; i++)
        if (s->cost_values[i] < least)
            least = s->cost_values[i];
    return least;
}

static void in_a_row(session_t *s, const call_t *c, int64_t pause)
{
    int follows = pause >= 0 && pause <= LOOP_PAUSE_MS && c->model == s->model && c->run == s->run;
    int64_t step = c->input > s->input ? c->input - s->input : s->input - c->input;
    int64_t alike = c->input / 500 > ALIKE_TOKENS ? c->input / 500 : ALIKE_TOKENS;
    s->same = follows && step <= SAME_TOKENS ? s->same + 1 : 0;
    s->alike = follows && step <= alike ? s->alike + 1 : 0;
    s->model = c->model, s->run = c->run, s->input = c->input;
}

static double measure(meters_t *m, agent_t *a, session_t *s, const call_t *c, double *v)
{
    const int64_t *rates = m->rates[c->model];
    int first = s->last_ms < 0;
    int64_t pause = first ? -1 : c->at > s->last_ms ? c->at - s->last_ms : 0;
    int warm = !first && pause <= ACTIVE_PAUSE_MS;
    int64_t active_ms = first ? FIRST_CALL_MS : pause < ACTIVE_PAUSE_MS ? pause : ACTIVE_PAUSE_MS;
    for (int i = 0; i < STATISTICS; i++)
        v[i] = NOTHING_YET;
    if (c->at / DAY_MS != s->day)
        s->day = c->at / DAY_MS, s->day_cost = s->day_active_ms = s->day_calls = 0;
    if (first || pause > STREAK_PAUSE_MS)
        s->streak = s->streak_dearest = s->streak_calls = 0;
    s->streak_calls++;
    s->streak += c->cost;
    if (c->cost > s->streak_dearest)
        s->streak_dearest = c->cost;
    double streak = (double)(s->streak - s->streak_dearest), usual = usual_per_ms(a, s) * (double)HOUR_MS;
    v[STREAK] = streak, v[STREAK_CALLS] = (double)s->streak_calls;
    if (usual > 0)
        v[STREAK_TO_USUAL] = streak / usual;
    v[MONEY_5M] = (double)in_five_minutes(s, c->at, c->cost);
    v[CALLS_1M] = (double)ring_add(&s->calls_1m, s->calls_1m_slots, 10000, 6, c->at, 1);
    v[CALLS_5M] = (double)ring_add(&s->calls_5m, s->calls_5m_slots, 10000, 30, c->at, 1);
    in_a_row(s, c, pause);
    v[SAME_CALLS] = (double)s->same, v[ALIKE_CALLS] = (double)s->alike;
    v[LEAST_COST] = (double)least_cost(s, c->cost);
    v[PARALLEL_RUNS] = recent_add(&s->runs, MINUTE_MS, c->at, c->run);
    v[AGENT_1H] = (double)ring_add(&a->hour, a->hour_slots, MINUTE_MS, 60, c->at, c->cost);
    v[AGENT_HOUR_TO_BEFORE] = hour_to_before(a, c->at, c->cost, active_ms);
    v[AGENT_6H] = (double)ring_add(&a->six_hours, a->six_hours_slots, 5 * MINUTE_MS, 72, c->at, c->cost);
    v[AGENT_STARTED_2M] = begun_add(a, c->at, first);
    v[AGENT_ACTIVE_2M] = recent_add(&a->active, 2 * MINUTE_MS, c->at, c->session);
    if (a->has_usual)
        ratios(a, s, c, rates, warm, v);
    int64_t log_cost = millionths((double)(c->cost > LEAST_PICO ? c->cost : LEAST_PICO));
    int64_t logs = ring_add(&a->log_costs, a->log_cost_slots, HOUR_MS, 24, c->at, log_cost);
    int64_t calls = ring_add(&a->day_calls, a->day_call_slots, HOUR_MS, 24, c->at, 1);
    if (calls >= LEAST_USUAL_CALLS)
        v[AGENT_COST_24H] = (double)logs / (double)calls;
    s->cost += c->cost, s->active_ms += active_ms;
    if (!a->muted) {
        s->day_cost += c->cost, s->day_active_ms += active_ms, s->day_calls++;
        use(a, c, rates, active_ms, log_cost, warm);
    }
    if (c->at > s->last_ms)
        s->last_ms = c->at;
    return usual;
}

static uint64_t fired(const meters_t *m, const double *v, const double *lines)
{
    uint64_t bits = 0;
    uint32_t place = 0;
    for (uint32_t rule = 0; rule < m->rules; rule++) {
        int all = 1;
        for (; place < m->ends[rule]; place++)
            all &= v[m->statistics[place]] > lines[place];
        bits |= (uint64_t)all << rule;
    }
    return bits;
}

static session_t *session_of(meters_t *m, int64_t number, int64_t at)
{
    m->sessions = grown(m->sessions, &m->session_room, (uint32_t)number);
    session_t *s = m->sessions[number];
    if (s && at - s->last_ms > SESSION_IDLE_MS) {
        free_session(s);
        s = NULL;
    }
    if (!s) {
        s = m->sessions[number] = checked(calloc(1, sizeof *s));
        s->last_ms = s->day = s->model = s->run = -1;
        s->money.newest = s->calls_1m.newest = s->calls_5m.newest = -1;
        s->told_ms = -TELL_AGAIN_MS;
    }
    return s;
}

/* Takes the calls from `begin` to `end` in: columns in the order of Python's `Calls`. Answers how many hits there are. */
API uint32_t meters_apply(meters_t *m, const int64_t *const *columns, uint32_t begin, uint32_t end)
{
    m->hit_count = 0;
    for (uint32_t i = begin; i < end; i++) {
        call_t c = {columns[0][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i],
                    columns[6][i], columns[7][i], columns[8][i], columns[9][i]};
        agent_t *a = m->agents[columns[1][i]];
        session_t *s = session_of(m, c.session, c.at);
        double v[STATISTICS];
        double usual = measure(m, a, s, &c, v);
        if (a->muted)
            continue;
        for (int k = 0; k < STATISTICS; k++)
            if (v[k] >= a->peaks[k])
                a->peaks[k] = v[k];
        uint64_t bits = fired(m, v, a->lines);
        if (!bits || (!(bits & ~s->told) && c.at - s->told_ms < TELL_AGAIN_MS))
            continue;
        s->told |= bits, s->told_ms = c.at;
        if (m->hit_count == m->hit_room) {
            m->hit_room = m->hit_room ? m->hit_room * 2 : 64;
            m->hits = checked(realloc(m->hits, m->hit_room * sizeof *m->hits));
        }
        hit_t *hit = &m->hits[m->hit_count++];
        hit->place = i, hit->padding = 0, hit->fired = bits, hit->usual = usual;
        hit->cost = s->cost, hit->active_ms = s->active_ms;
        memcpy(hit->values, v, sizeof v);
    }
    return m->hit_count;
}

API const hit_t *meters_hits(const meters_t *m)
{
    return m->hits;
}

/* The day of an agent: 1 if it had calls. */
API int32_t meters_close_day(meters_t *m, uint32_t agent, usage_t *usage, double *peaks)
{
    agent_t *a = agent < m->agent_room ? m->agents[agent] : NULL;
    if (!a)
        return 0;
    int any = a->today.calls > 0;
    for (int i = 0; i < STATISTICS; i++)
        any |= a->peaks[i] > NOTHING_YET;
    *usage = a->today;
    memcpy(peaks, a->peaks, sizeof a->peaks);
    memset(&a->today, 0, sizeof a->today);
    reset_peaks(a);
    return any;
}

/* Forgets the sessions without a call since a moment: how many, and their numbers, ascending. */
API const uint32_t *meters_forget(meters_t *m, int64_t before_ms, uint32_t *count)
{
    m->forgotten = checked(realloc(m->forgotten, ((size_t)m->session_room + 1) * sizeof *m->forgotten));
    *count = 0;
    for (uint32_t i = 0; i < m->session_room; i++)
        if (m->sessions[i] && m->sessions[i]->last_ms < before_ms) {
            free_session(m->sessions[i]);
            m->sessions[i] = NULL;
            m->forgotten[(*count)++] = i;
        }
    return m->forgotten;
}

/* What is held of an agent or a session as bytes, and back: for this machine and this build, as `meters_layout` says.
 *
 * Bytes come from a topic, so whatever would lead out of an array is refused. */
API uint64_t meters_layout(void)
{
    return (uint64_t)sizeof(agent_t) << 32 | (uint64_t)sizeof(session_t);
}

static int ring_fits(const ring_t *ring)
{
    return ring->newest >= -1 && ring->newest < INT64_MAX / DAY_MS;
}

static int last_fits(const last_t *last, uint32_t size)
{
    return last->next < size && last->held <= size;
}

static size_t recent_size(const recent_t *recent)
{
    return recent->held * sizeof *recent->seen;
}

static size_t save(void *out, const void *owner, size_t size, const recent_t *recent)
{
    if (out) {
        memcpy(out, owner, size);
        memcpy((char *)out + size, recent->seen, recent_size(recent));
    }
    return size + recent_size(recent);
}

/* What was seen, out of what stands behind the owner; 0 if that is not as much as it says. */
static int load_recent(recent_t *recent, const char *bytes, size_t size)
{
    if (recent->held > MOST_SEEN || size != recent_size(recent))
        return 0;
    recent->room = recent->held;
    recent->seen = recent->held ? checked(malloc(size)) : NULL;
    memcpy(recent->seen, bytes, size);
    return 1;
}

/* The size of an agent's bytes; they are written unless `out` is none. 0: there is no such agent. */
API uint64_t meters_save_agent(const meters_t *m, uint32_t agent, void *out)
{
    const agent_t *a = agent < m->agent_room ? m->agents[agent] : NULL;
    return a ? save(out, a, sizeof *a, &a->active) : 0;
}

API uint64_t meters_save_session(const meters_t *m, uint32_t session, void *out)
{
    const session_t *s = session < m->session_room ? m->sessions[session] : NULL;
    return s ? save(out, s, sizeof *s, &s->runs) : 0;
}

/* 1 if the bytes are those of an agent, which `meters_set_agent` has made before; its lines and its past stay. */
API int32_t meters_load_agent(meters_t *m, uint32_t agent, const char *bytes, uint64_t size)
{
    agent_t *a = agent < m->agent_room ? m->agents[agent] : NULL, loaded;
    if (!a || size < sizeof loaded)
        return 0;
    memcpy(&loaded, bytes, sizeof loaded);
    if (!ring_fits(&loaded.hour) || !ring_fits(&loaded.six_hours) || !ring_fits(&loaded.log_costs)
        || !ring_fits(&loaded.day_calls) || !ring_fits(&loaded.hour_cost) || !ring_fits(&loaded.hour_active_ms)
        || !ring_fits(&loaded.hour_calls) || !last_fits(&loaded.cache, 50) || !last_fits(&loaded.models, 50)
        || loaded.begun_first >= MOST_BEGUN || loaded.begun_held > MOST_BEGUN
        || !load_recent(&loaded.active, bytes + sizeof loaded, size - sizeof loaded))
        return 0;
    free(a->active.seen);
    loaded.lines = a->lines, loaded.past = a->past, loaded.muted = a->muted;
    *a = loaded;
    return 1;
}

API int32_t meters_load_session(meters_t *m, uint32_t session, const char *bytes, uint64_t size)
{
    session_t loaded;
    if (session == UINT32_MAX || size < sizeof loaded)
        return 0;
    memcpy(&loaded, bytes, sizeof loaded);
    if (!ring_fits(&loaded.money) || !ring_fits(&loaded.calls_1m) || !ring_fits(&loaded.calls_5m)
        || !last_fits(&loaded.models, 5) || !last_fits(&loaded.cache_5, 5) || !last_fits(&loaded.cache_15, 15)
        || !last_fits(&loaded.costs, 20) || !load_recent(&loaded.runs, bytes + sizeof loaded, size - sizeof loaded))
        return 0;
    m->sessions = grown(m->sessions, &m->session_room, session);
    free_session(m->sessions[session]);
    m->sessions[session] = checked(malloc(sizeof loaded));
    *m->sessions[session] = loaded;
    return 1;
}
