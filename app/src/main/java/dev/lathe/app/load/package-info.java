/// The load generator of `lathe bench serve`: [LoadPlan] says what is sent and when,
/// [LoadGenerator] sends it and gives one [Sample] a request, [LoadReport] sums them up in the
/// terms that vLLM's and SGLang's serving benchmarks use.
@NullMarked
package dev.lathe.app.load;

import org.jspecify.annotations.NullMarked;
