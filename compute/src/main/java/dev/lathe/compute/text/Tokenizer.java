package dev.lathe.compute.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.text.AddedTokens.Part;
import dev.lathe.compute.text.AddedTokens.Trust;
import dev.lathe.compute.weights.Gguf;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/// Text to token ids and back, for one model.
///
/// The Hugging Face tokenizers library cuts ordinary text into pieces; it never sees an added
/// token. Those are found here, and only in characters that may hold them, so that `<|im_end|>` in
/// a user's text is ordinary text. For text without such spellings the ids are Hugging Face's.
///
/// Safe for use by many threads; whoever opens it closes it.
public final class Tokenizer implements AutoCloseable {
  private static final long MAX_BYTES = 256 << 20;

  /// Characters by which long texts are counted.
  private static final int PIECE = 1 << 16;

  /// Texts of fewer characters for each token that there is room for may well fit.
  private static final int USUAL_CHARACTERS = 8;

  /// Where a text is cut, so many of its tokens may be others than in the whole.
  private static final int TOKENS_BESIDE_A_CUT = 16;

  /// When the definition is hashed and forgotten if nobody has asked.
  private static final Duration HASH_AFTER = Duration.ofSeconds(3);

  private final NativeBpe bpe;
  private final Optional<NativeBpe> continuation;
  private final TokenizerJson definition;
  private final AddedTokens added;
  private final Map<String, Integer> controlIds = new HashMap<>();
  private final FutureTask<String> sha256;

  /// @param identity what [#sha256] hashes: when it is asked for, or once a start is over
  private Tokenizer(TokenizerJson definition, Supplier<byte[]> identity) {
    this.definition = definition;
    this.sha256 = new FutureTask<>(() -> sha256(identity.get()));
    CompletableFuture.delayedExecutor(HASH_AFTER.toMillis(), TimeUnit.MILLISECONDS).execute(sha256);
    this.added = new AddedTokens(definition.added());
    definition.added().forEach(token -> controlIds.put(token.content(), token.id()));
    this.bpe = NativeBpe.of(definition.plain());
    this.continuation = definition.continuation().map(NativeBpe::of);
  }

  /// The tokenizer of a Hugging Face directory.
  ///
  /// @throws LatheException when there is no `tokenizer.json`, or it is damaged or of a kind that
  ///   is not supported
  public static Tokenizer ofDirectory(Path directory) {
    Path file = directory.resolve("tokenizer.json");
    byte[] bytes = StrictJson.bytes(file, MAX_BYTES);
    return of(StrictJson.object("the tokenizer '" + file + "'", bytes), bytes);
  }

  /// The tokenizer of a model.
  ///
  /// @throws LatheException when the model has none, or it is damaged or of a kind that is not
  ///   supported
  public static Tokenizer open(Checkpoint checkpoint) {
    return checkpoint.gguf().map(Tokenizer::of).orElseGet(() -> ofDirectory(checkpoint.path()));
  }

  /// The tokenizer that a GGUF file's metadata describes.
  public static Tokenizer of(Gguf gguf) {
    TokenizerJson definition = TokenizerJson.of(GgufTokenizer.json(gguf));
    return new Tokenizer(
        definition,
        () -> (definition.plain() + definition.added()).getBytes(StandardCharsets.UTF_8));
  }

  static Tokenizer of(JsonNode tokenizerJson, byte[] identity) {
    return new Tokenizer(TokenizerJson.of(tokenizerJson), () -> identity);
  }

  /// The ids of a text in which nothing is a control token. Nothing is added before or after.
  ///
  /// @throws LatheException when the text holds half of a surrogate pair, or a character that the
  ///   vocabulary has no token for
  public int[] encode(String plainText) {
    return encodeAll(plainText, Trust.PLAIN);
  }

  /// The ids of a text in which every spelling of an added token is that token, as Hugging Face's
  /// `encode(text, add_special_tokens=False)` gives. Never for text that somebody else wrote.
  public int[] encodeWithControl(String text) {
    return encodeAll(text, Trust.TEMPLATE);
  }

  /// As [#encodeWithControl(String)], of a text that is to have at most so many tokens.
  ///
  /// @throws LatheException of the kind CAPACITY when it certainly has more, which is found out
  ///   without encoding all of it. It may have somewhat more all the same
  public int[] encodeWithControl(String text, int most) {
    return encodeAll(text, Trust.TEMPLATE, most);
  }

  private int[] encodeAll(String text, Trust level) {
    return encodeAll(text, level, Integer.MAX_VALUE);
  }

  private int[] encodeAll(String text, Trust level, int most) {
    Trust[] trust = new Trust[text.length()];
    Arrays.fill(trust, level);
    requireRoom(text, trust, most);
    return encode(text, trust, 0, text.length());
  }

  /// Refuses texts that certainly have more than so many tokens. To encode a text takes hundreds of
  /// bytes for each character; this takes them for a piece of the text only.
  ///
  /// @param trust one for each character of the text
  /// @throws LatheException of the kind CAPACITY
  void requireRoom(String text, Trust[] trust, int most) {
    if (text.length() <= Math.max(PIECE, (long) USUAL_CHARACTERS * most)) {
      return;
    }
    long certain = 0;
    for (int from = 0, to; from < text.length(); from = to) {
      to = Math.min(from + PIECE, text.length());
      to += to < text.length() && Character.isLowSurrogate(text.charAt(to)) ? 1 : 0;
      certain += Math.max(0, encode(text, trust, from, to).length - TOKENS_BESIDE_A_CUT);
      if (certain > most) {
        throw LatheException.capacity(
            "the text has more than " + most + " tokens, and there is no room for more",
            "shorten it");
      }
    }
  }

  /// The ids of `[from, to)` of a text.
  ///
  /// @param trust one for each character of the text
  int[] encode(String text, Trust[] trust, int from, int to) {
    IntStream.Builder ids = IntStream.builder();
    for (Part part : added.split(text, trust, from, to)) {
      if (part.token().isPresent()) {
        ids.add(part.token().get().id());
      } else {
        for (int id : plain(text.substring(part.start(), part.end()), part.start() == 0)) {
          ids.add(id);
        }
      }
    }
    return ids.build().toArray();
  }

  private int[] plain(String text, boolean startsDocument) {
    checkSpellable(text);
    NativeBpe encoder = startsDocument ? bpe : continuation.orElse(bpe);
    int[] ids = encoder.encode(text);
    for (int id : ids) {
      if (id == definition.unknownId()) {
        throw LatheException.user(
            "the text holds a character that the tokenizer of this model has no token for",
            "remove it");
      }
    }
    return ids;
  }

  private void checkSpellable(String text) {
    boolean allBytes = definition.missingBytes().isEmpty();
    for (int i = 0; i < text.length(); ) {
      int point = text.codePointAt(i);
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        throw LatheException.user(
            "the text holds half of a surrogate pair at character " + i,
            "remove it, or repair the text's encoding");
      }
      if (!allBytes && !isSpellable(point)) {
        throw LatheException.user(
            String.format(
                "the tokenizer of this model has no token for U+%04X at character %d of the text",
                point, i),
            "remove it");
      }
      i += Character.charCount(point);
    }
  }

  private boolean isSpellable(int point) {
    if (point < 0x80) {
      return !definition.missingBytes().get(point);
    }
    for (byte value : Character.toString(point).getBytes(StandardCharsets.UTF_8)) {
      if (definition.missingBytes().get(value & 0xff)) {
        return false;
      }
    }
    return true;
  }

  /// The text of tokens.
  ///
  /// @param skipSpecial whether control tokens are left out
  public String decode(int[] ids, boolean skipSpecial) {
    StreamDecoder decoder =
        new StreamDecoder(definition.pieces(), id -> skipSpecial && isSpecial(id));
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.push(id));
    }
    return text.append(decoder.finish()).toString();
  }

  /// A decoder for tokens that come one by one; control tokens are left out.
  public StreamDecoder stream() {
    return stream(Set.of());
  }

  /// A decoder that leaves out control tokens but for some, which it writes as they are spelt.
  ///
  /// @param spelt spellings of tokens
  public StreamDecoder stream(Set<String> spelt) {
    Set<Integer> kept = new HashSet<>();
    spelt.forEach(each -> controlId(each).ifPresent(kept::add));
    return new StreamDecoder(definition.pieces(), id -> isSpecial(id) && !kept.contains(id));
  }

  /// The id of an added token, by its spelling.
  public OptionalInt controlId(String content) {
    Integer id = controlIds.get(content);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /// Whether an id is a control token, which stands for no text.
  public boolean isSpecial(int id) {
    return definition.pieces().isSpecial(id);
  }

  /// Spellings of all added tokens, special ones and others.
  public List<String> controlTokens() {
    return definition.added().stream().map(AddedToken::content).toList();
  }

  /// The bytes that a token adds to a text, for a control token those of its spelling; none for an
  /// id that is no token.
  public byte[] bytes(int id) {
    return definition.pieces().of(id);
  }

  /// Whether decoding drops one blank at the start of a text.
  public boolean dropsFirstBlank() {
    return definition.pieces().stripsFirstBlank();
  }

  /// One more than the largest id.
  public int vocabulary() {
    return definition.pieces().count();
  }

  /// Identity of the tokenizer's definition, 64 hexadecimal digits.
  public String sha256() {
    sha256.run();
    try {
      return sha256.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the tokenizer is hashed", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    bpe.close();
    continuation.ifPresent(NativeBpe::close);
  }
}
