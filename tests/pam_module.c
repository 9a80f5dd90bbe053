/*
 * A module of PAM that does what its first argument says: what no module does that is installed.
 */

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void note(const char *path, int number)
{
    FILE *file = fopen(path, "a");

    if (file == NULL)
        abort();
    fprintf(file, "%d\n", number);
    fclose(file);
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    const char *act = argc > 0 ? argv[0] : "", *word = argc > 1 ? argv[1] : "";

    (void)flags;
    /* Waits for a program that stays in its session, as those of pam_exec do not. */
    if (strcmp(act, "runs") == 0) {
        pid_t child = fork();

        if (child == 0) {
            note(word, (int)getpid());
            execlp("sleep", "sleep", "300", (char *)NULL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
        return PAM_AUTH_ERR;
    }
    if (strcmp(act, "crashes") == 0)
        abort();
    if (strcmp(act, "tells_dumpable") == 0)
        note(word, prctl(PR_GET_DUMPABLE));
    /* A question whose answer would be shown while it is typed. */
    if (strcmp(act, "asks") == 0) {
        char *answer = NULL;
        int asked = pam_prompt(pamh, PAM_PROMPT_ECHO_ON, &answer, "A word: ");

        free(answer);
        return asked;
    }
    if (strcmp(act, "becomes") == 0)
        return pam_set_item(pamh, PAM_USER, word);
    return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
