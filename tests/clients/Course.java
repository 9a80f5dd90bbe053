import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPFile;
import org.apache.commons.net.ftp.FTPSClient;

public class Course {
    /** Files each data connection's address under the control connection's session. */
    static class Resuming extends FTPSClient {
        Resuming(SSLContext context) {
            super(context);
        }

        @Override
        protected void _prepareDataSocket_(Socket data) throws IOException {
            SSLSession session = ((SSLSocket) _socket_).getSession();
            try {
                Object context = session.getSessionContext();
                Field field = context.getClass().getDeclaredField("sessionHostPortCache");
                field.setAccessible(true);
                Object cache = field.get(context);
                Method put = cache.getClass().getDeclaredMethod("put", Object.class, Object.class);
                put.setAccessible(true);
                String address = data.getInetAddress().getHostAddress();
                String name = data.getInetAddress().getHostName();
                put.invoke(cache, name + ":" + data.getPort(), session);
                put.invoke(cache, address + ":" + data.getPort(), session);
            } catch (ReflectiveOperationException error) {
                throw new IOException(error);
            }
        }
    }

    static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream pem = new FileInputStream(file)) {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            store.setCertificateEntry("ca", factory.generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    static FTPSClient ftp;

    static void heard(boolean done) {
        if (!done) {
            throw new IllegalStateException(ftp.getReplyString());
        }
    }

    static void put(String from, String to) throws IOException {
        try (InputStream file = new FileInputStream(from)) {
            heard(ftp.storeFile(to, file));
        }
    }

    public static void main(String[] arguments) throws Exception {
        SSLContext context = trusting("ca.pem");
        ftp = arguments.length > 2 ? new Resuming(context) : new FTPSClient(context);
        ftp.setEnabledProtocols(new String[] {arguments[1]});
        ftp.setAutodetectUTF8(true);
        ftp.connect("localhost", Integer.parseInt(arguments[0]));
        heard(ftp.login("ann", "pw"));
        ftp.execPBSZ(0);
        ftp.execPROT("P");
        ftp.enterLocalPassiveMode();
        heard(ftp.setFileType(FTP.BINARY_FILE_TYPE));

        String[] names = new File("up").list();
        for (String name : names) {
            put("up/" + name, name);
            put("up/one", name + ".old");
        }
        try (PrintWriter listed = new PrintWriter("listed", "UTF-8")) {
            for (FTPFile file : ftp.listFiles()) {
                listed.println(file.getName());
            }
        }
        for (String name : names) {
            try (OutputStream file = new FileOutputStream("back/" + name)) {
                heard(ftp.retrieveFile(name, file));
            }
            heard(ftp.rename(name, name + ".new"));
            heard(ftp.deleteFile(name + ".old"));
        }

        try (InputStream file = new FileInputStream("broken")) {
            long came = ftp.listFiles("broken")[0].getSize();
            file.skip(came);
            ftp.setRestartOffset(came);
            heard(ftp.storeFile("broken", file));
        }
        ftp.setRestartOffset(new File("back/broken").length());
        try (OutputStream file = new FileOutputStream("back/broken", true)) {
            heard(ftp.retrieveFile("broken", file));
        }
        ftp.logout();
        ftp.disconnect();
    }
}
