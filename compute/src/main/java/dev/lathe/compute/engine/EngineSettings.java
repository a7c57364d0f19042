package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Storage;

/// How a [JavaEngine] is opened.
///
/// @param weightStorage how the weights are kept in memory
/// @param maxStreams streams that run at once; more wait
/// @param cacheType how keys and values are kept
/// @param kvTokens capacity of the key/value cache in tokens, all streams together
/// @param threads threads that compute
/// @param prefillChunk most prompt tokens in one step
/// @param maxWaiting requests that may wait; more are refused
/// @param adapterBytes memory that adapters may take
public record EngineSettings(
    Storage weightStorage,
    int maxStreams,
    CacheType cacheType,
    int kvTokens,
    int threads,
    int prefillChunk,
    int maxWaiting,
    long adapterBytes) {
  /// Requests that may wait where nothing else is said.
  public static final int MAX_WAITING = 1024;

  private static final int MOST_THREADS = 256;

  public EngineSettings {
    require(maxStreams >= 1 && maxStreams <= 1024, "max_streams", maxStreams, "[1, 1024]");
    require(kvTokens >= 1, "kv_tokens", kvTokens, "[1, ...)");
    require(
        threads >= 1 && threads <= MOST_THREADS, "threads", threads, "[1, " + MOST_THREADS + "]");
    require(prefillChunk >= 1 && prefillChunk <= 8192, "prefill_chunk", prefillChunk, "[1, 8192]");
    require(maxWaiting >= 0, "max_waiting", maxWaiting, "[0, ...)");
    if (adapterBytes < 0) {
      throw LatheException.user(
          "adapter_bytes " + adapterBytes + " is negative", "give at least 0");
    }
  }

  /// With keys and values in bfloat16, or in fp32 beside such weights; [#MAX_WAITING] requests that
  /// may wait and 2 GiB for adapters.
  public EngineSettings(
      Storage weightStorage, int maxStreams, int kvTokens, int threads, int prefillChunk) {
    this(
        weightStorage,
        maxStreams,
        weightStorage == Storage.F32 ? CacheType.F32 : CacheType.BF16,
        kvTokens,
        threads,
        prefillChunk,
        MAX_WAITING,
        2L << 30);
  }

  private static void require(boolean holds, String name, int value, String range) {
    if (!holds) {
      throw LatheException.user(
          name + " " + value + " is outside " + range, "choose a value in that range");
    }
  }

  /// 32 streams, 16,384 tokens, all cores up to 256, chunks of 256.
  public static EngineSettings of(Storage weightStorage) {
    return new EngineSettings(weightStorage, 32, 16_384, cores(), 256);
  }

  /// Threads where nothing else is said: as many as the JVM sees cores, at most 256.
  public static int cores() {
    return Math.min(Runtime.getRuntime().availableProcessors(), MOST_THREADS);
  }

  /// Pages of the key/value cache that hold its tokens.
  public int pages() {
    return (kvTokens - 1) / Runner.PAGE_TOKENS + 1;
  }

  /// Most rows of a step: a chunk of prompt tokens and one row of each stream.
  public int maxRows() {
    return prefillChunk + maxStreams;
  }

  public EngineSettings withMaxStreams(int streams) {
    return new EngineSettings(
        weightStorage,
        streams,
        cacheType,
        kvTokens,
        threads,
        prefillChunk,
        maxWaiting,
        adapterBytes);
  }

  public EngineSettings withCacheType(CacheType type) {
    return new EngineSettings(
        weightStorage, maxStreams, type, kvTokens, threads, prefillChunk, maxWaiting, adapterBytes);
  }

  public EngineSettings withKvTokens(int tokens) {
    return new EngineSettings(
        weightStorage,
        maxStreams,
        cacheType,
        tokens,
        threads,
        prefillChunk,
        maxWaiting,
        adapterBytes);
  }

  public EngineSettings withThreads(int count) {
    return new EngineSettings(
        weightStorage,
        maxStreams,
        cacheType,
        kvTokens,
        count,
        prefillChunk,
        maxWaiting,
        adapterBytes);
  }

  public EngineSettings withPrefillChunk(int tokens) {
    return new EngineSettings(
        weightStorage, maxStreams, cacheType, kvTokens, threads, tokens, maxWaiting, adapterBytes);
  }

  public EngineSettings withMaxWaiting(int requests) {
    return new EngineSettings(
        weightStorage,
        maxStreams,
        cacheType,
        kvTokens,
        threads,
        prefillChunk,
        requests,
        adapterBytes);
  }

  public EngineSettings withAdapterBytes(long bytes) {
    return new EngineSettings(
        weightStorage, maxStreams, cacheType, kvTokens, threads, prefillChunk, maxWaiting, bytes);
  }
}
