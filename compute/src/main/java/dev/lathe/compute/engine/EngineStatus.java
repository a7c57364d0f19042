package dev.lathe.compute.engine;

/// What an engine is doing between two steps, and what it did since it was opened.
///
/// @param running requests in the batch
/// @param waiting requests that are not, those that had to give way included
/// @param pages pages of the key/value cache
/// @param freePages pages that hold nothing
/// @param cachedPages pages that no running request uses and that are kept for their prefix; they
///   are given away when pages run out
/// @param pageTokens tokens of one page
/// @param promptTokens tokens of prompts taken in
/// @param outputTokens tokens delivered
/// @param computedTokens tokens whose keys and values were computed, again after giving way
///   included
/// @param reusedTokens tokens whose keys and values were in the prefix cache
/// @param preemptions how often a running request had to give way
/// @param draftedTokens tokens guessed ahead, see [Speculation]
/// @param acceptedTokens those of them that came true
/// @param begun requests that came out of the queue into the batch
/// @param waitNanos how long all of these waited for it
/// @param ended requests that ended, whatever way
/// @param adapters what its pool of adapters holds
public record EngineStatus(
    int running,
    int waiting,
    int pages,
    int freePages,
    int cachedPages,
    int pageTokens,
    long promptTokens,
    long outputTokens,
    long computedTokens,
    long reusedTokens,
    long preemptions,
    long draftedTokens,
    long acceptedTokens,
    long begun,
    long waitNanos,
    long ended,
    AdapterPool.Status adapters) {}
