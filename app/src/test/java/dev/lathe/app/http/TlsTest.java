package dev.lathe.app.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Clock;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// HTTPS from PEM files that the JDK's keytool made.
class TlsTest {
  private static final char[] PASSWORD = "password".toCharArray();

  @TempDir private static Path folder;

  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch gone = new CountDownLatch(1);

  @BeforeAll
  static void makeCertificates() throws Exception {
    for (String name : List.of("RSA", "EC", "old-EC")) {
      keytool(name);
      KeyStore store = store(name);
      pem(name + "-cert.pem", "CERTIFICATE", store.getCertificate("server").getEncoded());
      pem(name + "-key.pem", "PRIVATE KEY", store.getKey("server", PASSWORD).getEncoded());
    }
    byte[] pkcs8 = store("RSA").getKey("server", PASSWORD).getEncoded();
    pem("RSA-pkcs1-key.pem", "RSA PRIVATE KEY", Arrays.copyOfRange(pkcs8, 26, pkcs8.length));
    pem("encrypted-key.pem", "ENCRYPTED PRIVATE KEY", pkcs8);
    Files.writeString(
        folder.resolve("encrypted-pkcs1-key.pem"),
        """
        -----BEGIN RSA PRIVATE KEY-----
        Proc-Type: 4,ENCRYPTED
        DEK-Info: AES-128-CBC,00FF

        AAAA
        -----END RSA PRIVATE KEY-----
        """);
    String own = Files.readString(folder.resolve("RSA-cert.pem"));
    String other = Files.readString(folder.resolve("EC-cert.pem"));
    String key = Files.readString(folder.resolve("RSA-key.pem"));
    Files.writeString(folder.resolve("RSA-all.pem"), key + "some words\n" + own + other);
    Files.writeString(folder.resolve("turned.pem"), other + own);
  }

  private static void keytool(String name) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                name.replace("old-", ""),
                "-startdate",
                name.startsWith("old") ? "-9d" : "-1H",
                "-alias",
                "server",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost,ip:127.0.0.1",
                "-validity",
                "2",
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                folder.resolve(name + ".p12").toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), US_ASCII);
    assertThat(process.waitFor()).as(said).isZero();
  }

  private static KeyStore store(String name) throws Exception {
    return KeyStore.getInstance(folder.resolve(name + ".p12").toFile(), PASSWORD);
  }

  private static void pem(String file, String kind, byte[] content) throws IOException {
    String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
    Files.writeString(
        folder.resolve(file),
        "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n");
  }

  private static SSLContext trusting(String algorithm) throws Exception {
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store(algorithm));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private HttpServer start(String certificate, String key) {
    ServerSettings settings =
        new ServerSettings(
            "127.0.0.1",
            0,
            Optional.of(new ServerSettings.Tls(folder.resolve(certificate), folder.resolve(key))),
            Set.of(),
            ServerSettings.Limits.USUAL);
    List<Route> routes =
        List.of(
            Route.get("/open").needs(Operation.LOOK).by(call -> call.send("text/plain", "open")),
            Route.get("/wait")
                .needs(Operation.LOOK)
                .by(call -> {
                  begun.countDown();
                  try (Call.Watch _ = call.watch(gone::countDown)) {
                    gone.await();
                  }
                }));
    ApiKeys keys = ApiKeys.of(folder.resolve("none.json"), Clock.systemUTC());
    return HttpServer.start(
        settings,
        new Routes(routes),
        keys,
        new ServerLog() {
          @Override
          public void answered(Answered answered) {
            // not asked here
          }

          @Override
          public void departed(String id) {
            // not asked here
          }

          @Override
          public void defect(String id, @Nullable Throwable cause) {
            throw new AssertionError(id, cause);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "RSA-cert.pem, RSA-key.pem",
    "RSA-cert.pem, RSA-pkcs1-key.pem",
    "EC-cert.pem, EC-key.pem",
    "RSA-all.pem, RSA-all.pem"
  })
  void answersOverTls(String certificate, String key) throws Exception {
    String algorithm = key.substring(0, key.indexOf('-'));
    try (HttpServer server = start(certificate, key);
        HttpClient client = HttpClient.newBuilder().sslContext(trusting(algorithm)).build()) {
      URI address = server.address();
      assertThat(address.getScheme()).isEqualTo("https");

      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(address.resolve("/open")).build(),
              HttpResponse.BodyHandlers.ofString());

      assertThat(answer.body()).isEqualTo("open");
    }
  }

  @Test
  void clientThatGoesAwayIsNoticedBehindTlsToo() throws Exception {
    try (HttpServer server = start("RSA-cert.pem", "RSA-key.pem")) {
      try (SSLSocket socket =
          (SSLSocket)
              trusting("RSA")
                  .getSocketFactory()
                  .createSocket("127.0.0.1", server.address().getPort())) {
        socket
            .getOutputStream()
            .write("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII));
        assertThat(begun.await(2, TimeUnit.MINUTES)).isTrue();
        assertThat(gone.getCount()).isEqualTo(1);
      }

      assertThat(gone.await(2, TimeUnit.MINUTES)).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "RSA-cert.pem | EC-key.pem | EC-key.pem' does not belong",
        "turned.pem | RSA-key.pem | is not the first in",
        "RSA-cert.pem | encrypted-key.pem | is encrypted",
        "RSA-cert.pem | encrypted-pkcs1-key.pem | openssl pkcs8 -topk8 -nocrypt",
        "RSA-cert.pem | RSA-cert.pem | holds no private key",
        "RSA-key.pem | RSA-key.pem | holds no certificate",
        "old-EC-cert.pem | old-EC-key.pem | is valid from",
        "none.pem | RSA-key.pem | there is no file"
      })
  void filesThatCannotBeUsedAreNamed(String certificate, String key, String message) {
    assertThatThrownBy(() -> start(certificate, key))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(message);
  }
}
