/*
 * A server that does what its arguments and the lines of its standard input say, and prints what
 * fxpd.h answers: all of it that etc/embed.c has no use for.
 */

#include <fxpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *home;

/* What a client gets is in its name. */
static int authenticate(void *context, const char *name, const char *password,
                        size_t password_bytes, const char *peer, fxpd_account *account)
{
    printf("%s asks for %s with %s of %zu bytes from %s\n", (const char *)context, name, password,
           password_bytes, peer);
    fflush(stdout);
    if (strncmp(name, "homeless", 8) != 0)
        fxpd_account_set_home(account, home);
    if (strncmp(name, "incoming", 8) == 0)
        fxpd_account_set_access(account, FXPD_INCOMING);
    if (strncmp(name, "all", 3) == 0)
        fxpd_account_set_access(account, FXPD_READ_WRITE);
    if (strcmp(name, "all-any") == 0)
        fxpd_account_set_fxp(account, FXPD_FXP_ANY);
    if (strcmp(name, "all-off") == 0)
        fxpd_account_set_fxp(account, FXPD_FXP_OFF);
    return strcmp(name, "rejected") == 0      ? FXPD_REJECT
           : strcmp(name, "unavailable") == 0 ? FXPD_UNAVAILABLE
           : strcmp(name, "seven") == 0       ? 7
                                              : FXPD_ADMIT;
}

static const char *text(const char *text)
{
    return text ? text : "-";
}

static void on_transfer(void *context, const fxpd_transfer *it)
{
    printf("%s hears: %s %s client=%s peer=%s bytes=%llu ms=%llu out=%d whole=%d foreign=%d %s %s\n",
           (const char *)context, it->account, it->path, it->client, text(it->peer),
           (unsigned long long)it->bytes, (unsigned long long)it->milliseconds, it->is_outgoing,
           it->is_complete, it->is_foreign, text(it->hash_name), text(it->hash));
    fflush(stdout);
}

static void on_log(void *context, int level, const char *message)
{
    printf("%s logs %d: %s\n", (const char *)context, level, message);
    fflush(stdout);
}

/* The string of a setting KEY=VALUE among the arguments, or NULL. */
static const char *setting(char **argv, const char *key)
{
    size_t length = strlen(key);

    for (; *argv; argv++)
        if (strncmp(*argv, key, length) == 0 && (*argv)[length] == '=')
            return *argv + length + 1;
    return NULL;
}

static unsigned number(char **argv, const char *key)
{
    const char *value = setting(argv, key);

    return value ? (unsigned)atoi(value) : 0;
}

int main(int argc, char **argv)
{
    static char owner[] = "owner", reader[] = "reader";
    fxpd_config config = FXPD_CONFIG_DEFAULT;
    fxpd_server *server;
    char line[100];
    int level;

    (void)argc;
    printf("%zu seconds, no error: '%s'\n", (size_t)config.grace_s, fxpd_last_error());
    config.listen = setting(argv, "listen");
    config.listen_implicit = setting(argv, "listen_implicit");
    config.certificate = setting(argv, "certificate");
    config.key = setting(argv, "key");
    config.users = setting(argv, "users");
    home = setting(argv, "home");
    config.authenticate = home ? authenticate : NULL;
    config.on_transfer = on_transfer;
    config.context = owner;
    config.first_passive_port = (uint16_t)number(argv, "first_passive_port");
    config.last_passive_port = (uint16_t)number(argv, "last_passive_port");
    config.max_sessions = number(argv, "max_sessions");
    config.grace_s = number(argv, "grace_s");
    server = fxpd_start(&config);
    if (server == NULL) {
        printf("error: %s\n", fxpd_last_error());
        return 1;
    }
    printf("%u %u %s\n", fxpd_port(server), fxpd_port_implicit(server), fxpd_fingerprint(server));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "sessions\n") == 0)
            printf("%zu sessions\n", fxpd_sessions(server));
        else if (strcmp(line, "log nowhere\n") == 0)
            printf("log: %d\n", fxpd_log(FXPD_TRACE, NULL, reader));
        else if (sscanf(line, "log %d", &level) == 1)
            printf("log: %d\n", fxpd_log(level, on_log, reader));
        else if (strcmp(line, "error\n") == 0)
            printf("error: %s\n", fxpd_last_error());
        else
            printf("%s", line);
        fflush(stdout);
    }
    fxpd_stop(server);
    printf("stopped\n");
    return 0;
}
