package peers;

import java.util.HashMap;
import java.util.Map;

/**
 * Static per-token USD by model. cached_input_tokens is taken as a part of input_tokens and
 * reasoning_tokens as a part of output_tokens (billed at the output price).
 */
public final class Prices {
    private static final double M = 1e-6;
    /** {input, cached input, output} in USD per token. */
    private static final Map<String, double[]> BY_MODEL = new HashMap<>();
    private static final double[] DEFAULT = {1.00 * M, 0.10 * M, 4.00 * M};

    static {
        BY_MODEL.put("gpt-4o", new double[] {2.50 * M, 1.25 * M, 10.00 * M});
        BY_MODEL.put("gpt-4o-mini", new double[] {0.15 * M, 0.075 * M, 0.60 * M});
        BY_MODEL.put("claude-sonnet-4-5", new double[] {3.00 * M, 0.30 * M, 15.00 * M});
        BY_MODEL.put("gemini-2.5-pro", new double[] {1.25 * M, 0.125 * M, 10.00 * M});
    }

    private Prices() {}

    public static double usd(UsageEvent e) {
        double[] p = BY_MODEL.get(e.model);
        if (p == null) p = DEFAULT;
        return (e.input_tokens - e.cached_input_tokens) * p[0]
                + e.cached_input_tokens * p[1]
                + e.output_tokens * p[2];
    }
}
