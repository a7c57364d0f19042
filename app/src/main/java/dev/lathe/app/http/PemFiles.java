package dev.lathe.app.http;

import dev.lathe.compute.LatheException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
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
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/// TLS from PEM files: a chain of certificates and a private key as PKCS#8 or, for RSA, PKCS#1.
final class PemFiles {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

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
      Certificate[] chain = certificates(tls.certificate());
      PrivateKey key = key(tls.key());
      requirePair(tls, chain[0], key);
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

  private static Certificate[] certificates(Path file)
      throws IOException, GeneralSecurityException {
    List<? extends Certificate> chain =
        List.copyOf(
            CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(file))));
    if (chain.isEmpty()) {
      throw LatheException.user("'" + file + "' holds no certificate", "give a PEM file with one");
    }
    return chain.toArray(new Certificate[0]);
  }

  private static PrivateKey key(Path file) throws IOException, GeneralSecurityException {
    Matcher block = BLOCK.matcher(Files.readString(file, StandardCharsets.US_ASCII));
    while (block.find()) {
      String kind = block.group(1);
      if (kind.endsWith("PRIVATE KEY")) {
        byte[] content = Base64.getMimeDecoder().decode(block.group(2));
        return switch (kind) {
          case "PRIVATE KEY" -> pkcs8(content);
          case "RSA PRIVATE KEY" -> pkcs8(wrapped(content));
          default ->
              throw LatheException.user(
                  "'" + file + "' holds an '" + kind + "', wanted is a 'PRIVATE KEY'",
                  "convert it with 'openssl pkcs8 -topk8 -nocrypt -in " + file + "'");
        };
      }
    }
    throw LatheException.user(
        "'" + file + "' holds no private key", "give a PEM file with a 'PRIVATE KEY'");
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

  /// What the key signs, the certificate must verify.
  private static void requirePair(ServerSettings.Tls tls, Certificate certificate, PrivateKey key)
      throws GeneralSecurityException {
    byte[] probe = "a probe".getBytes(StandardCharsets.US_ASCII);
    boolean pair = certificate.getPublicKey().getAlgorithm().equals(key.getAlgorithm());
    if (pair) {
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
      pair = verifying.verify(signing.sign());
    }
    if (!pair) {
      throw LatheException.user(
          "the key in '%s' does not belong to the certificate in '%s'"
              .formatted(tls.key(), tls.certificate()),
          "give the key that the certificate was made for");
    }
  }
}
