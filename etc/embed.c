/*
 * A server inside a program in C: serves one directory to one account, tells of every transfer, and
 * stops at the end of its standard input.
 *
 *     cc -o embed etc/embed.c $(pkg-config --cflags --libs --static fxpd)
 *     ./embed /srv/ftp ann sesame
 */

#include <fxpd.h>
#include <stdio.h>
#include <string.h>

/* What the callbacks know: it outlives the server. */
struct account {
    const char *home;
    const char *name;
    const char *password;
};

/* Compares all of two strings, however early they differ. */
static int is_equal(const char *left, const char *right, size_t right_bytes)
{
    size_t bytes = strlen(left);
    unsigned char differs = bytes != right_bytes;

    for (size_t i = 0; i < right_bytes; i++)
        differs |= (unsigned char)left[bytes ? i % bytes : 0] ^ (unsigned char)right[i];
    return !differs;
}

static int authenticate(void *context, const char *name, const char *password,
                        size_t password_bytes, const char *peer, fxpd_account *account)
{
    const struct account *known = context;
    int is_known = is_equal(known->name, name, strlen(name));

    (void)peer; /* from anywhere */
    if (!(is_equal(known->password, password, password_bytes) & is_known))
        return FXPD_REJECT;
    fxpd_account_set_access(account, FXPD_READ_WRITE);
    return fxpd_account_set_home(account, known->home) == 0 ? FXPD_ADMIT : FXPD_UNAVAILABLE;
}

static void on_transfer(void *context, const fxpd_transfer *transfer)
{
    (void)context;
    printf("%s %s %s: %llu bytes%s\n", transfer->account,
           transfer->is_outgoing ? "took" : "brought", transfer->path,
           (unsigned long long)transfer->bytes, transfer->is_complete ? "" : ", cut");
    fflush(stdout);
}

static void on_log(void *context, int level, const char *message)
{
    (void)context;
    if (level <= FXPD_INFO)
        fprintf(stderr, "%s\n", message);
}

int main(int argc, char **argv)
{
    fxpd_config config = FXPD_CONFIG_DEFAULT;
    struct account account;
    fxpd_server *server;

    if (argc != 4) {
        fprintf(stderr, "usage: %s DIRECTORY NAME PASSWORD\n", argv[0]);
        return 64;
    }
    account.home = argv[1];
    account.name = argv[2];
    account.password = argv[3];

    fxpd_log(FXPD_INFO, on_log, NULL);
    config.listen = "127.0.0.1:0";
    config.authenticate = authenticate;
    config.on_transfer = on_transfer;
    config.context = &account;
    config.grace_s = 5;
    server = fxpd_start(&config);
    if (server == NULL) {
        fprintf(stderr, "%s\n", fxpd_last_error());
        return 1;
    }
    printf("ftps://%s@127.0.0.1:%u/ %s\n", account.name, fxpd_port(server),
           fxpd_fingerprint(server));
    fflush(stdout);

    while (getchar() != EOF)
        ;
    fxpd_stop(server);
    printf("stopped\n");
    return 0;
}
