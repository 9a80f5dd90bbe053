/*
 * fxpd.h: an FTP-over-TLS server inside a program in C.
 *
 *     fxpd_config config = FXPD_CONFIG_DEFAULT;
 *     config.listen = "[::]:21";
 *     config.certificate = "/etc/fxpd/cert.pem";
 *     config.key = "/etc/fxpd/key.pem";
 *     config.users = "/etc/fxpd/passwd";
 *     fxpd_server *server = fxpd_start(&config);
 *     if (server == NULL)
 *         errx(1, "%s", fxpd_last_error());
 *     ...
 *     fxpd_stop(server);
 *
 * etc/embed.c is a program of that kind, with callbacks. Link with -lfxpd and what
 * `pkg-config --libs --static fxpd` says.
 *
 * Threads. A server runs on threads of its own, a thread a client, on which every signal is blocked.
 * All functions may be called on any thread, and by several at once, but for fxpd_stop, which no other
 * call on the same server may overlap or follow. There may be any number of servers; they share
 * nothing but the log (fxpd_log) and the turns in which passwords are hashed. After fork(2) a child
 * may call nothing of this until it has called execve(2).
 *
 * Memory. What is passed to a function is copied before it returns. What is passed to a callback is
 * valid until the callback returns. Nothing is to be freed but by fxpd_stop.
 *
 * Callbacks are called on the server's threads, several at a time, and may block: then that client
 * waits, or, in a transfer's callback, every later record. They must not leave by longjmp(3) or by an
 * exception, and must not call fxpd_stop or fxpd_log. None is called when fxpd_stop has returned.
 *
 * Errors. A function that can fail says so by what it returns, and fxpd_last_error says why. A fault
 * of the library's own ends the call or the session in which it happens, never the program.
 */

#ifndef FXPD_H
#define FXPD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A server that runs. */
typedef struct fxpd_server fxpd_server;

/* What is said of whoever is let in. */
typedef struct fxpd_account fxpd_account;

/* What a callback for logins returns. */
enum {
    FXPD_REJECT = 0,      /* no such account, or the wrong password */
    FXPD_ADMIT = 1,       /* let in; fxpd_account_set_home has been called */
    FXPD_UNAVAILABLE = 2  /* nobody can tell at the moment: the client may try again later */
};

/*
 * Says whether a client enters. NAME is UTF-8. PASSWORD has PASSWORD_BYTES bytes, which may be any, and
 * a NUL behind them; it is wiped afterwards. PEER is the client's address as text. Takes the same time
 * for an unknown name as for a wrong password, or tells strangers who has an account.
 */
typedef int (*fxpd_authenticate_fn)(void *context, const char *name, const char *password,
                                    size_t password_bytes, const char *peer,
                                    fxpd_account *account);

/* One transfer of a file that has ended, well or badly. */
typedef struct fxpd_transfer {
    const char *account;
    const char *path;         /* in the account's tree, with / at its beginning; any bytes */
    const char *client;       /* the address of the client */
    const char *peer;         /* that of the data connection's other end; NULL if there was none */
    uint64_t bytes;
    uint64_t milliseconds;
    int is_outgoing;          /* 1: to a client; 0: from one */
    int is_complete;          /* 1: whole, and answered 226 */
    int is_foreign;           /* 1: the peer was another host than the client (FXP) */
    const char *hash_name;    /* "SHA-256" and its kin; NULL if the file was not hashed */
    const char *hash;         /* its hexadecimal digits, or NULL */
} fxpd_transfer;

/* Hears of every transfer, one after the other. */
typedef void (*fxpd_transfer_fn)(void *context, const fxpd_transfer *transfer);

/* What a server shall be. Begin with FXPD_CONFIG_DEFAULT. */
typedef struct fxpd_config {
    size_t size;                        /* of this struct: how the library knows its version */
    const char *listen;                 /* ADDRESS:PORT for explicit TLS ("0.0.0.0:21", "[::]:21"),
                                           0 for a port that the system chooses; or NULL */
    const char *listen_implicit;        /* the same for implicit TLS; one of the two is needed */
    const char *certificate;            /* PEM files: the certificate with its chain, ... */
    const char *key;                    /* ... and its key; both NULL: self-signed, for this run */
    const char *users;                  /* a users file, see fxpd.passwd(5), ... */
    fxpd_authenticate_fn authenticate;  /* ... or who says instead: exactly one of the two */
    fxpd_transfer_fn on_transfer;       /* or NULL */
    void *context;                      /* passed to both callbacks; alive until fxpd_stop returns */
    uint16_t first_passive_port;        /* where data connections come to; 0 and 0: 49152-65534 */
    uint16_t last_passive_port;
    unsigned max_sessions;              /* clients at a time; 0: 2000 */
    unsigned grace_s;                   /* seconds that fxpd_stop gives to transfers */
} fxpd_config;

#define FXPD_CONFIG_DEFAULT { .size = sizeof(fxpd_config), .grace_s = 60 }

/* Listens and serves. NULL after an error, and then nothing is left of it. */
fxpd_server *fxpd_start(const fxpd_config *config);

/*
 * Accepts nobody any more, tells idle clients 421, waits for transfers for the grace of the config and
 * some seconds more, tells of the last of them, and frees the server. NULL is allowed.
 */
void fxpd_stop(fxpd_server *server);

/* Where it listens; 0 if it does not. Here and in what follows a NULL is a server that has nothing. */
uint16_t fxpd_port(const fxpd_server *server);
uint16_t fxpd_port_implicit(const fxpd_server *server);

/* "SHA256:..." of its certificate, alive as long as the server. */
const char *fxpd_fingerprint(const fxpd_server *server);

/* How many clients are connected. */
size_t fxpd_sessions(const fxpd_server *server);

/* Why the last function on this thread failed that did; "" if none has. Good until the next does. */
const char *fxpd_last_error(void);

/*
 * For a fxpd_authenticate_fn that admits, on its thread, until it returns. 0, or -1 after an error.
 * Without the last two, an account may look and download, and copy with verified servers.
 */
int fxpd_account_set_home(fxpd_account *account, const char *directory);  /* an absolute path */
enum { FXPD_READ_ONLY = 0, FXPD_INCOMING = 1, FXPD_READ_WRITE = 2 };
int fxpd_account_set_access(fxpd_account *account, int access);
enum { FXPD_FXP_OFF = 0, FXPD_FXP_VERIFIED = 1, FXPD_FXP_TLS = 2, FXPD_FXP_ANY = 3 };
int fxpd_account_set_fxp(fxpd_account *account, int level);

/* Hears a line of the log, without a line end. */
enum { FXPD_ERROR = 1, FXPD_WARN = 2, FXPD_INFO = 3, FXPD_DEBUG = 4, FXPD_TRACE = 5 };
typedef void (*fxpd_log_fn)(void *context, int level, const char *message);

/*
 * Sends the log of all servers of this process, up to LEVEL, to CALL; NULL for nowhere, as at first.
 * When it returns, whoever was called before is called no more. 0, or -1 after an error.
 */
int fxpd_log(int level, fxpd_log_fn call, void *context);

#ifdef __cplusplus
}
#endif

#endif
