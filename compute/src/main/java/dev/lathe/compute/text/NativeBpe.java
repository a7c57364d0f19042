package dev.lathe.compute.text;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ai.djl.util.cuda.CudaUtils;
import dev.lathe.compute.LatheException;
import java.lang.invoke.MethodHandles;
import java.nio.file.Path;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/// One tokenizer of the Hugging Face tokenizers library, whose natives the jar of its DJL binding
/// carries. Safe for use by many threads; closing waits for running calls.
///
/// The binding's own `HuggingFaceTokenizer` is passed by: it cuts texts at 512 tokens unless told
/// otherwise and fetches character spans, masks and token strings for every call.
final class NativeBpe implements AutoCloseable {
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private long handle;

  private NativeBpe(long handle) {
    this.handle = handle;
  }

  /// @param tokenizerJson the contents of a `tokenizer.json`
  static NativeBpe of(String tokenizerJson) {
    prepareLibrary();
    try {
      return new NativeBpe(TokenizersLibrary.LIB.createTokenizerFromString(tokenizerJson));
    } catch (RuntimeException e) {
      throw new LatheException(
          LatheException.Kind.USER,
          "the tokenizers library does not accept this tokenizer (" + e.getMessage() + ")",
          "fetch the model again",
          e);
    }
  }

  /// The binding would otherwise look for CUDA, for which it unpacks and loads another native
  /// library and starts a process, and where it finds CUDA download another build of this one; and
  /// it unpacks natives into a folder of its own beside the user's files.
  private static synchronized void prepareLibrary() {
    setIfAbsent("ai.djl.offline", "true");
    setIfAbsent("RUST_FLAVOR", "cpu");
    setIfAbsent(
        "ENGINE_CACHE_DIR",
        Path.of(System.getProperty("user.home"), ".cache", "lathe", "natives").toString());
    try {
      passCudaBy();
      LibUtils.checkStatus();
    } catch (RuntimeException | LinkageError e) {
      throw LatheException.environment(
          "the native tokenizers library cannot be loaded (" + e.getMessage() + ")",
          "this needs Linux on x86-64 or ARM, macOS on ARM, or Windows, and a writable"
              + " home directory",
          e);
    }
  }

  /// Where another process is to look for CUDA, this one does not when the class is initialised.
  private static void passCudaBy() {
    String elsewhere = "ai.djl.util.cuda.fork";
    if (System.getProperty(elsewhere) != null) {
      return;
    }
    System.setProperty(elsewhere, "true");
    try {
      MethodHandles.lookup().ensureInitialized(CudaUtils.class);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    } finally {
      System.clearProperty(elsewhere);
    }
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  int[] encode(String text) {
    lock.readLock().lock();
    try {
      checkOpen();
      long encoding = TokenizersLibrary.LIB.encode(handle, text, false);
      try {
        long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
        int[] narrow = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
          narrow[i] = Math.toIntExact(ids[i]);
        }
        return narrow;
      } finally {
        TokenizersLibrary.LIB.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private void checkOpen() {
    if (handle == 0) {
      throw new IllegalStateException("the tokenizer is closed");
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        TokenizersLibrary.LIB.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
