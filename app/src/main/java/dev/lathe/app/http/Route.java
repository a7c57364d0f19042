package dev.lathe.app.http;

import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// One method of one path, with everything that is to be known about it beside its handler: what it
/// lets a caller do, what it takes and gives, which errors it has.
///
/// @param path with `{name}` for a segment that varies
/// @param summary one line
/// @param parameters meanings of the segments and query parameters by name
/// @param body what the request holds, if anything
/// @param answers what it gives when all goes well
/// @param faults errors of its own, beside those that every route has
/// @param errors how an error is written
public record Route(
    Method method,
    String path,
    Operation operation,
    String summary,
    Map<String, String> parameters,
    Optional<Body<?>> body,
    List<Answer> answers,
    Set<Fault> faults,
    Shape<Refusal> errors,
    Handler handler) {

  /// The methods that routes have.
  public enum Method {
    GET,
    POST,
    DELETE
  }

  /// What a request holds.
  ///
  /// @param name of its schema
  public record Body<T>(String name, Function<Fields, T> reader) {}

  /// What is given.
  ///
  /// @param shape none for what is not JSON
  public record Answer(String mediaType, Optional<Shape<?>> shape, String meaning) {}

  /// Answers a call.
  @FunctionalInterface
  public interface Handler {
    /// @throws Refusal to answer with an error
    /// @throws IOException when the client is gone
    void handle(Call call) throws IOException, InterruptedException;
  }

  /// Answers a call whose body has been read.
  @FunctionalInterface
  public interface BodyHandler<T> {
    void handle(Call call, T body) throws IOException, InterruptedException;
  }

  public static Builder get(String path) {
    return new Builder(Method.GET, path);
  }

  public static Builder post(String path) {
    return new Builder(Method.POST, path);
  }

  public static Builder delete(String path) {
    return new Builder(Method.DELETE, path);
  }

  /// Gathers what a route says about itself.
  public static final class Builder {
    private final Method method;
    private final String path;
    private final Map<String, String> parameters = new LinkedHashMap<>();
    private final List<Answer> answers = new ArrayList<>();
    private final Set<Fault> faults = EnumSet.noneOf(Fault.class);
    private @Nullable Operation operation;
    private String summary = "";
    private Shape<Refusal> errors = Refusal.SHAPE;

    private Builder(Method method, String path) {
      this.method = method;
      this.path = path;
    }

    /// What the caller must be allowed to do.
    public Builder needs(Operation needed) {
      operation = needed;
      return this;
    }

    public Builder summary(String line) {
      summary = line;
      return this;
    }

    /// A segment of the path or a parameter of the query.
    public Builder parameter(String name, String meaning) {
      parameters.put(name, meaning);
      return this;
    }

    public Builder gives(Shape<?> shape) {
      answers.add(new Answer("application/json", Optional.of(shape), "the answer"));
      return this;
    }

    /// @param meaning when this is given
    public Builder gives(String mediaType, Shape<?> shape, String meaning) {
      answers.add(new Answer(mediaType, Optional.of(shape), meaning));
      return this;
    }

    public Builder givesText(String mediaType, String meaning) {
      answers.add(new Answer(mediaType, Optional.empty(), meaning));
      return this;
    }

    public Builder fails(Fault... own) {
      return fails(List.of(own));
    }

    /// As [#fails(Fault...)].
    public Builder fails(List<Fault> own) {
      faults.addAll(own);
      return this;
    }

    /// How errors are written, where not in OpenAI's form.
    public Builder errorsAs(Shape<Refusal> shape) {
      errors = shape;
      return this;
    }

    /// The route, which takes no body.
    ///
    /// @throws IllegalStateException when it states no operation
    public Route by(Handler handler) {
      return build(Optional.empty(), handler);
    }

    /// The route with a body.
    ///
    /// @throws IllegalStateException when it states no operation
    public <T> Route by(String name, Function<Fields, T> reader, BodyHandler<T> handler) {
      return build(
          Optional.of(new Body<>(name, reader)),
          call -> handler.handle(call, Fields.read(call.json(), reader)));
    }

    private Route build(Optional<Body<?>> body, Handler handler) {
      if (operation == null) {
        throw new IllegalStateException(
            "the route %s %s states no operation".formatted(method, path));
      }
      return new Route(
          method,
          path,
          operation,
          summary,
          Map.copyOf(parameters),
          body,
          List.copyOf(answers),
          Set.copyOf(faults),
          errors,
          handler);
    }
  }
}
