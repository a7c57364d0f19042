package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.model.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Guesses what a smaller model finds likeliest. Keeps keys and values of its own for the sequences
/// that it follows; where its pages run out it lets go of the one it has not seen longest.
final class ModelDrafter implements Drafter {
  /// Models of one family agree on most tokens.
  static final double FIRST_BELIEF = 0.7;

  private static final int SLOTS = Runner.PAGE_TOKENS;

  /// A sequence as far as it is computed here.
  private static final class Track {
    private int[] tokens = new int[64];
    private int[] pages = new int[8];
    private int pageCount;
    private int computed;
  }

  private final Runner runner;
  private final Kernel kernel;
  private final PagePool pool;
  private final Batch batch;
  private final int chunk;
  private final int vocabulary;
  private final int context;
  private final int usable;
  private final double cost;
  private final Map<Sequence, Track> tracks = new LinkedHashMap<>(16, 0.75f, true);

  /// @param runner of the small model, closed with this
  /// @param settings that the runner was opened with
  /// @param small what kind of model the small one is; nothing is guessed behind its context
  /// @param usable tokens of the large model; no others are guessed
  /// @param cost what a token of the small model costs next to one of the large
  ModelDrafter(
      Runner runner,
      Kernel kernel,
      EngineSettings settings,
      ModelConfig small,
      int usable,
      double cost) {
    this.runner = runner;
    this.kernel = kernel;
    this.pool = new PagePool(settings.pages());
    this.batch = new Batch(settings.maxRows());
    this.chunk = settings.prefillChunk();
    this.vocabulary = small.vocabulary();
    this.context = small.maxPositions();
    this.usable = Math.min(usable, vocabulary);
    this.cost = cost;
  }

  @Override
  public void draft(List<Sequence> sequences, int[] most) {
    List<Sequence> drafting = catchUp(sequences);
    while (!drafting.isEmpty()) {
      guess(drafting);
      List<Sequence> further = new ArrayList<>();
      batch.clear();
      for (Sequence sequence : drafting) {
        boolean more = sequence.drafted() < most[sequences.indexOf(sequence)];
        if (more && add(sequence, track(sequence), 1, sequences)) {
          further.add(sequence);
        }
      }
      drafting = further;
    }
  }

  /// Computes what is new of the sequences, as much as one chunk allows.
  ///
  /// @return those that are up to date, in the order of their rows in the batch
  private List<Sequence> catchUp(List<Sequence> sequences) {
    List<Sequence> ready = new ArrayList<>();
    batch.clear();
    int left = chunk;
    for (Sequence sequence : sequences) {
      Track track = track(sequence);
      track.computed =
          Math.min(sequence.common(track.tokens, track.computed), sequence.length() - 1);
      int missing = sequence.length() - track.computed;
      int count = Math.min(missing, left);
      if (count > 0 && add(sequence, track, count, sequences)) {
        left -= count;
        if (count == missing) {
          ready.add(sequence);
        }
      }
    }
    if (ready.isEmpty() && batch.rows > 0) {
      runner.forward(batch);
    }
    return ready;
  }

  private Track track(Sequence sequence) {
    return tracks.computeIfAbsent(sequence, _ -> new Track());
  }

  /// Adds the next rows of a sequence; false where context, pages or words for it are lacking.
  private boolean add(Sequence sequence, Track track, int count, List<Sequence> present) {
    int end = track.computed + count;
    if (end > context) {
      return false;
    }
    for (int position = track.computed; position < end; position++) {
      if (sequence.token(position) >= vocabulary) {
        return false;
      }
    }
    while (track.pageCount * SLOTS < end) {
      if (pool.free() == 0 && !letGo(present)) {
        return false;
      }
      addPage(track);
    }
    track.tokens = end > track.tokens.length ? Arrays.copyOf(track.tokens, 2 * end) : track.tokens;
    int last = sequence.length() + sequence.drafted() - 1;
    for (int position = track.computed; position < end; position++) {
      track.tokens[position] = sequence.token(position);
      batch.add(sequence.token(position), position, track.pages, null, position == last);
    }
    track.computed = end;
    return true;
  }

  private void addPage(Track track) {
    if (track.pageCount == track.pages.length) {
      track.pages = Arrays.copyOf(track.pages, 2 * track.pageCount);
    }
    int page = pool.take();
    runner.touch(page);
    track.pages[track.pageCount++] = page;
  }

  /// Gives up the pages of the sequence not seen longest, none of those present.
  private boolean letGo(List<Sequence> present) {
    for (Iterator<Map.Entry<Sequence, Track>> all = tracks.entrySet().iterator(); all.hasNext(); ) {
      Map.Entry<Sequence, Track> each = all.next();
      if (each.getValue().pageCount > 0 && !present.contains(each.getKey())) {
        release(each.getValue());
        all.remove();
        return true;
      }
    }
    return false;
  }

  /// Computes the batch and adds to each sequence the likeliest token behind its last row.
  private void guess(List<Sequence> drafting) {
    runner.forward(batch);
    for (int first = 0; first < drafting.size(); first += runner.maxOutputs()) {
      int count = Math.min(runner.maxOutputs(), drafting.size() - first);
      Rows logits = runner.head(batch, first, count);
      for (int i = 0; i < count; i++) {
        int token = kernel.argmax(logits.values(), logits.at(i), usable);
        drafting.get(first + i).draft(Math.max(0, token));
      }
    }
  }

  @Override
  public double cost() {
    return cost;
  }

  @Override
  public double firstBelief() {
    return FIRST_BELIEF;
  }

  @Override
  public void forget(Sequence sequence) {
    Track track = tracks.remove(sequence);
    if (track != null) {
      release(track);
    }
  }

  private void release(Track track) {
    for (int i = 0; i < track.pageCount; i++) {
      pool.release(track.pages[i]);
    }
  }

  /// Pages in use, for tests.
  int pagesInUse() {
    return pool.pages() - pool.free();
  }

  @Override
  public void close() {
    runner.close();
  }
}
