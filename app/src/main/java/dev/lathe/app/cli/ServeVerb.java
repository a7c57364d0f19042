package dev.lathe.app.cli;

import dev.lathe.app.http.ServerLog;
import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.service.Service;
import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.ServedModels;
import dev.lathe.platform.gateway.Workspace;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "serve",
    description = {
      "Answer over HTTP, by OpenAI's and Ollama's APIs.",
      "",
      "Listens on this machine only, and needs no key there, until told otherwise: 'lathe key"
          + " create' makes keys, and with the first one every request must show one. Ctrl-C or"
          + " SIGTERM lets running answers end first."
    },
    footer = {
      "",
      "Examples:",
      "  lathe serve smollm2-135m-instruct --adapter bank=runs/bank",
      "  lathe serve smollm2-135m-instruct --host 0.0.0.0 --port 443 \\",
      "      --tls-cert cert.pem --tls-key key.pem"
    })
final class ServeVerb implements Callable<Integer> {
  private final Context context;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Option(
      names = {"-a", "--adapter"},
      paramLabel = "NAME=DIR",
      description = "Adapter directory and the name it answers to; may be given several times.")
  private Map<String, Path> adapters = new LinkedHashMap<>();

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "The name the base answers to (default: MODEL's last part).")
  private @Nullable String name;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      description =
          "Address to listen on (default: ${DEFAULT-VALUE}); any that others can reach needs a"
              + " key.")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "Port to listen on; 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private int port = 8000;

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description = "The keys, as 'lathe key' writes them (default: LATHE_HOME/keys.json).")
  private @Nullable Path keyFile;

  @Option(
      names = "--workspace",
      paramLabel = "DIR",
      description =
          "Adapters may be loaded out of this folder while the server runs (default: LATHE_HOME).")
  private @Nullable Path workspace;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description = "Certificate as PEM, those that sign it after it; needs --tls-key.")
  private @Nullable Path certificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "Its private key as PEM, not encrypted.")
  private @Nullable Path key;

  @Option(
      names = "--cors-origin",
      paramLabel = "ORIGIN",
      description =
          "Web pages of this origin may use the server, as https://chat.example; * means all; may"
              + " be given several times.")
  private Set<String> origins = Set.of();

  @Option(
      names = "--streams",
      paramLabel = "N",
      description = "Answers generated side by side; more wait (default: ${DEFAULT-VALUE}).")
  private int streams = 32;

  @Option(
      names = "--max-waiting",
      paramLabel = "N",
      description =
          "Requests that may wait for their turn; more are answered 429, with the time after which"
              + " to try again (default: ${DEFAULT-VALUE}).")
  private int maxWaiting = 128;

  @Option(
      names = "--max-time",
      paramLabel = "SECONDS",
      description =
          "Longest time from a request to the end of its answer (default: ${DEFAULT-VALUE}).")
  private int maxSeconds = 600;

  @Mixin private SpeculationOptions speculation = new SpeculationOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

  ServeVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() throws InterruptedException {
    check();
    Screen screen = context.screen();
    ApiKeys keys = ApiKeys.of(KeyVerb.file(context, keyFile), Clock.systemUTC());
    try (Generator generator =
        engine.open(context, model, streams, maxWaiting, speculation.speculation(context))) {
      ServedModels models = new ServedModels(baseName(), generator, Clock.systemUTC());
      adapters.forEach(
          (each, directory) -> models.load(each, directory).note().ifPresent(screen::note));
      Service.Parts parts =
          new Service.Parts(
              settings(),
              models,
              new Workspace(workspace == null ? context.environment().home() : workspace),
              keys,
              log(screen),
              Duration.ofSeconds(maxSeconds),
              VersionVerb.lathe());
      try (Service service = Service.start(parts)) {
        screen
            .err()
            .println(
                "serving %s on %s (%s)"
                    .formatted(baseName(), service.address(), generator.description()));
        screen.err().flush();
        SoftHeapLimit.begin();
        untilTold(service, screen);
      }
    }
    return ExitCode.OK.code();
  }

  private void check() {
    if ((certificate == null) != (key == null)) {
      throw LatheException.user(
          "one of --tls-cert and --tls-key is given", "give both, or none for plain HTTP");
    }
    if (maxSeconds < 1) {
      throw LatheException.user("--max-time " + maxSeconds + " is less than 1", "give at least 1");
    }
    if (streams < 1) {
      throw LatheException.user("--streams " + streams + " is less than 1", "give at least 1");
    }
    if (maxWaiting < 0) {
      throw LatheException.user(
          "--max-waiting " + maxWaiting + " is less than 0", "give 0 to let none wait, or more");
    }
  }

  private ServerSettings settings() {
    Optional<ServerSettings.Tls> tls =
        certificate == null || key == null
            ? Optional.empty()
            : Optional.of(new ServerSettings.Tls(certificate, key));
    return new ServerSettings(host, port, tls, origins, ServerSettings.Limits.USUAL);
  }

  private String baseName() {
    if (name != null) {
      return name;
    }
    Path path = Path.of(model).normalize().getFileName();
    String last = path == null ? model : path.toString();
    return last.endsWith(".gguf") ? last.substring(0, last.length() - ".gguf".length()) : last;
  }

  private static ServerLog log(Screen screen) {
    return new ServerLog() {
      @Override
      public void answered(Answered answered) {
        // the figures of requests are in the metrics
      }

      @Override
      public void departed(String id) {
        // these as well
      }

      @Override
      public void defect(String id, @Nullable Throwable cause) {
        screen.err().println("lathe: request " + id + " met a defect");
        if (cause != null) {
          cause.printStackTrace(screen.err());
        }
        screen.err().flush();
      }
    };
  }

  /// Waits for Ctrl-C or SIGTERM, then for the answers under way.
  private static void untilTold(Service service, Screen screen) throws InterruptedException {
    CountDownLatch told = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  told.countDown();
                  try {
                    done.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                },
                "lathe-stop"));
    try {
      told.await();
      int left = service.drain();
      if (left > 0) {
        screen.err().println("lathe: " + left + " answers were cut off");
        screen.err().flush();
      }
    } finally {
      done.countDown();
    }
  }
}
