package dev.lathe.app.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class DispatcherTest {
  @Test
  void refusalOfTheMalformedWaitsForNoClient() throws Exception {
    List<Callback> writes = new ArrayList<>();
    HttpFields.Mutable headers = HttpFields.build();
    Response response =
        proxy(
            Response.class,
            (method, arguments) ->
                switch (method) {
                  case "getStatus" -> 400;
                  case "getHeaders" -> headers;
                  case "write" -> {
                    writes.add((Callback) arguments[2]);
                    yield null;
                  }
                  default -> null;
                });
    Request request = proxy(Request.class, (method, arguments) -> null);
    Callback.Completable done = new Callback.Completable();

    CompletableFuture<Boolean> answered =
        CompletableFuture.supplyAsync(() -> Dispatcher.refuseMalformed(request, response, done));

    assertThat(answered.get(2, TimeUnit.MINUTES)).isTrue();
    assertThat(done).isNotDone();
    writes.getFirst().succeeded();
    assertThat(done).isCompleted();
    assertThat(headers.get("Content-Type")).isEqualTo("application/json");
  }

  private interface Answers {
    @Nullable Object to(String method, Object[] arguments);
  }

  private static <T> T proxy(Class<T> type, Answers answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> answers.to(method.getName(), arguments)));
  }
}
