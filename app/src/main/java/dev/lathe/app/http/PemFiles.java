package dev.lathe.app.http;

import dev.lathe.compute.LatheException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/// TLS from PEM files: a chain of certificates and a private key as PKCS#8 or, for RSA, PKCS#1.
final class PemFiles {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);

  /// What stands between two lines of a PEM file.
  ///
  /// @param text base64, after lines of its own where it is encrypted in the old way
  private record Block(String kind, String text) {
    private boolean isEncrypted() {
      return kind.startsWith("ENCRYPTED") || text.contains("ENCRYPTED");
    }

    private byte[] content() {
      return Base64.getMimeDecoder().decode(text);
    }
  }

  /// The start of a PKCS#8 structure for an RSA key: version 0 and the algorithm's identifier.
  private static final byte[] RSA_ALGORITHM = {
    0x02,
    0x01,
    0x00,
    0x30,
    0x0d,
    0x06,
    0x09,
    0x2a,
    (byte) 0x86,
    0x48,
    (byte) 0x86,
    (byte) 0xf7,
    0x0d,
    0x01,
    0x01,
    0x01,
    0x05,
    0x00
  };

  private PemFiles() {}

  /// @throws LatheException when a file cannot be used
  static SslContextFactory.Server context(ServerSettings.Tls tls) {
    try {
      X509Certificate[] chain = certificates(tls.certificate());
      PrivateKey key = key(tls.key());
      requireOrder(tls, chain, key);
      requireValid(tls.certificate(), chain[0]);
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, new char[0]);
      store.setKeyEntry("server", key, new char[0], chain);
      SslContextFactory.Server context = new SslContextFactory.Server();
      context.setKeyStore(store);
      context.setKeyStorePassword("");
      context.setSniRequired(false);
      context.setIncludeProtocols("TLSv1.3", "TLSv1.2");
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw LatheException.environment(
          "TLS cannot be set up with '%s' and '%s' (%s)"
              .formatted(tls.certificate(), tls.key(), e.getMessage()),
          "check that both are PEM files that this process may read",
          e);
    }
  }

  private static List<Block> blocks(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw LatheException.user("there is no file '" + file + "'", "give one with PEM in it");
    }
    return BLOCK
        .matcher(Files.readString(file, StandardCharsets.ISO_8859_1))
        .results()
        .map(found -> new Block(found.group(1), found.group(2)))
        .toList();
  }

  private static X509Certificate[] certificates(Path file)
      throws IOException, GeneralSecurityException {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    List<X509Certificate> chain = new ArrayList<>();
    for (Block block : blocks(file)) {
      if (block.kind.equals("CERTIFICATE")) {
        InputStream content = new ByteArrayInputStream(block.content());
        chain.add((X509Certificate) factory.generateCertificate(content));
      }
    }
    if (chain.isEmpty()) {
      throw LatheException.user(
          "'" + file + "' holds no certificate", "give a PEM file with a 'CERTIFICATE'");
    }
    return chain.toArray(new X509Certificate[0]);
  }

  private static PrivateKey key(Path file) throws IOException, GeneralSecurityException {
    Block block =
        blocks(file).stream()
            .filter(each -> each.kind.endsWith("PRIVATE KEY"))
            .findFirst()
            .orElseThrow(() ->
                LatheException.user(
                    "'" + file + "' holds no private key", "give a PEM file with a 'PRIVATE KEY'"));
    if (!block.isEncrypted() && block.kind.equals("PRIVATE KEY")) {
      return pkcs8(block.content());
    }
    if (!block.isEncrypted() && block.kind.equals("RSA PRIVATE KEY")) {
      return pkcs8(wrapped(block.content()));
    }
    throw LatheException.user(
        block.isEncrypted()
            ? "the key in '" + file + "' is encrypted, wanted is one that is not"
            : "'" + file + "' holds an '" + block.kind + "', wanted is a 'PRIVATE KEY'",
        "convert it with 'openssl pkcs8 -topk8 -nocrypt -in " + file + " -out server.key'");
  }

  private static PrivateKey pkcs8(byte[] content) throws GeneralSecurityException {
    GeneralSecurityException last = new GeneralSecurityException("no key");
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(content));
      } catch (GeneralSecurityException e) {
        last = e;
      }
    }
    throw last;
  }

  private static byte[] wrapped(byte[] pkcs1) throws IOException {
    ByteArrayOutputStream inner = new ByteArrayOutputStream();
    inner.write(RSA_ALGORITHM);
    inner.write(element(0x04, pkcs1));
    return element(0x30, inner.toByteArray());
  }

  /// An element of DER.
  private static byte[] element(int tag, byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (content.length < 0x80) {
      out.write(content.length);
    } else if (content.length < 0x100) {
      out.write(0x81);
      out.write(content.length);
    } else {
      out.write(0x82);
      out.write(content.length >> 8);
      out.write(content.length);
    }
    out.writeBytes(content);
    return out.toByteArray();
  }

  private static void requireOrder(ServerSettings.Tls tls, X509Certificate[] chain, PrivateKey key)
      throws GeneralSecurityException {
    if (isPair(chain[0], key)) {
      return;
    }
    for (X509Certificate later : chain) {
      if (isPair(later, key)) {
        throw LatheException.user(
            "the certificate of the key in '%s' is not the first in '%s'"
                .formatted(tls.key(), tls.certificate()),
            "put the server's own certificate first, and after it those that sign it");
      }
    }
    throw LatheException.user(
        "the key in '%s' does not belong to the certificate in '%s'"
            .formatted(tls.key(), tls.certificate()),
        "give the key that the certificate was made for");
  }

  private static void requireValid(Path file, X509Certificate certificate) {
    Instant now = Instant.now();
    Instant from = certificate.getNotBefore().toInstant();
    Instant until = certificate.getNotAfter().toInstant();
    if (now.isBefore(from) || now.isAfter(until)) {
      throw LatheException.user(
          "the certificate in '%s' is valid from %s until %s, and it is %s"
              .formatted(file, from, until, now.truncatedTo(ChronoUnit.SECONDS)),
          "renew it, or set the machine's clock");
    }
  }

  /// Whether the certificate verifies what the key signs.
  private static boolean isPair(Certificate certificate, PrivateKey key)
      throws GeneralSecurityException {
    if (!certificate.getPublicKey().getAlgorithm().equals(key.getAlgorithm())) {
      return false;
    }
    byte[] probe = "a probe".getBytes(StandardCharsets.US_ASCII);
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    Signature signing = Signature.getInstance(algorithm);
    signing.initSign(key);
    signing.update(probe);
    Signature verifying = Signature.getInstance(algorithm);
    verifying.initVerify(certificate.getPublicKey());
    verifying.update(probe);
    return verifying.verify(signing.sign());
  }
}
