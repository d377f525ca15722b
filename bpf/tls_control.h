/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What user space and the programs for TLS libraries (tls.bpf.c) share. Included by the BPF programs and by native/. */
#ifndef TINYTAP_TLS_CONTROL_H
#define TINYTAP_TLS_CONTROL_H

#include "capture_event.h"

/* What a function of a TLS library does. Its first argument is always the session: SSL *, gnutls_session_t, or
 * PRFileDesc *. */
enum tls_function {
	/* (session, buffer, length): SSL_read, gnutls_record_recv, PR_Read. */
	TLS_FUNCTION_READ = 1,
	/* (session, buffer, length): SSL_write, gnutls_record_send2, PR_Write. */
	TLS_FUNCTION_WRITE = 2,
	/* (session): SSL_do_handshake, gnutls_handshake, SSL_ForceHandshake. */
	TLS_FUNCTION_HANDSHAKE = 3,
	/* (session): SSL_free, gnutls_deinit, PR_Close. Its return is not probed. */
	TLS_FUNCTION_FREE = 4,
	/* (session, file descriptor, offset, length): SSL_sendfile. */
	TLS_FUNCTION_SENDFILE = 5,
};

/* How a function tells how many bytes it has moved. */
enum tls_length {
	/* It returns the number, or 0 or less for none. */
	TLS_LENGTH_RETURNED = 0,
	/* It returns more than 0, and has stored the number, a size_t, where its fourth or fifth argument points to. */
	TLS_LENGTH_ARGUMENT_4 = 4,
	TLS_LENGTH_ARGUMENT_5 = 5,
};

/* The cookie of a probe: enum capture_tls_library, enum tls_function, enum tls_length, and the number of the
 * attachment. */
#define TLS_COOKIE_FUNCTION_SHIFT 8
#define TLS_COOKIE_LENGTH_SHIFT 16
#define TLS_COOKIE_ATTACHMENT_SHIFT 32
#define TLS_COOKIE_MASK 255

/* Attachments at the same time. */
#define TLS_ATTACHMENTS 4096

#endif
