package dev.lathe.training.tensor;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;

/// Native memory that ends with a block: every tensor made on this thread while the scope is the
/// innermost one is freed when it closes, unless kept or lifted.
///
/// ```java
/// try (Scope scope = Scope.open()) {
///   return scope.keep(x.matmul(w));
/// }
/// ```
public final class Scope implements AutoCloseable {
  private final @Nullable PointerScope enclosing;
  private final PointerScope pointers;

  private Scope() {
    enclosing = PointerScope.getInnerScope();
    pointers = new PointerScope();
  }

  /// Opens a scope inside the innermost one of this thread.
  public static Scope open() {
    return new Scope();
  }

  /// Takes the pointer out of this scope. The caller closes it.
  public <P extends Pointer> P keep(P pointer) {
    pointer.retainReference(); // detaching gives up the scope's own reference
    pointers.detach(pointer);
    return pointer;
  }

  /// Hands the pointer to the enclosing scope, to be freed with that one.
  public <P extends Pointer> P lift(P pointer) {
    if (enclosing == null) {
      throw new IllegalStateException("there is no enclosing scope to lift to");
    }
    enclosing.attach(pointer);
    pointers.detach(pointer);
    return pointer;
  }

  @Override
  public void close() {
    pointers.close();
  }
}
