// Names that people guess for captured tables and columns: from HTTP, other tools and other databases. They are only
// suggested in errors. A guess that fits several columns is listed with each of them, the likeliest first.

/** Guesses by column, for every table that has the column. */
export const GUESSED_COLUMNS: Readonly<Record<string, string>> = {
	id: 'exchange row_id rowid request_id req_id seqno number conn',
	exchange_id: 'id exchange request_id req_id',
	ts: 'time timestamp date datetime when at start start_time started started_at begin begin_time created created_at request_time req_time event_time ts_us ts_ms epoch',
	state: 'exchange_state complete completed finished outcome result',
	reason: 'why cause error error_message error_reason failure failed',
	side: 'role is_server is_client endpoint_role perspective',
	pair_id: 'pair peer_id mirror_id other_id other_side',
	parent_id: 'parent cause caller_id caused_by trigger_id upstream_of incoming_id',
	pid: 'process process_id proc proc_id tgid',
	tid: 'thread thread_id lwp',
	comm: 'process_name proc_name program command process app application service service_name',
	thread_comm: 'thread_name thread',
	cmdline: 'command_line command cmd args argv arguments',
	exe: 'executable binary image exe_path program_path process_path',
	cgroup: 'cgroup_path container container_id slice unit pod',
	conn: 'connection connection_id conn_id socket session session_id stream',
	local: 'local_address local_addr laddr server server_addr listen dst destination bind',
	remote: 'remote_address remote_addr raddr peer peer_addr client client_addr src source address addr',
	local_ip: 'server_ip dst_ip dest_ip laddr_ip local_host',
	local_port: 'port server_port dst_port dport dest_port lport listen_port',
	remote_ip: 'ip client_ip src_ip peer_ip source_ip ip_address remote_host',
	remote_port: 'client_port src_port sport peer_port source_port rport port',
	remote_name: 'hostname peer_name dns dns_name domain client_name upstream service_name',
	method: 'verb http_method request_method req_method operation',
	path: 'uri endpoint route target request_path req_path url_path request_uri resource pathname',
	query_string: 'query params query_params querystring qs search parameters url_query req_query',
	host: 'authority server_name vhost virtual_host domain hostname req_host request_host site',
	url: 'full_url request_url req_url href link uri absolute_url',
	http_version: 'version http proto protocol protocol_version res_http_version response_version',
	req_http_version: 'request_version req_version request_http_version request_protocol',
	status:
		'status_code code http_status http_code response_code response_status res_status statuscode resp_status http_status_code rc',
	status_text: 'reason_phrase status_message status_line phrase status_reason res_status_text',
	interim: 'informational continue interim_status interim_responses early_hints',
	duration_ms:
		'latency duration elapsed response_time time_ms took took_ms latency_ms ms rt elapsed_ms total_time time_taken resp_time duration_us latency_us total_ms dur',
	ttfb_ms: 'ttfb time_to_first_byte first_byte first_byte_ms wait wait_ms latency server_time',
	req_headers: 'headers request_headers request_header req_header header reqheaders cookies',
	res_headers: 'headers response_headers response_header resp_headers res_header header set_cookie',
	req_body_bytes:
		'request_size request_bytes req_size req_bytes req_length req_content_length bytes_in request_length req_body_size request_body_size request_body_bytes',
	res_body_bytes:
		'size bytes response_size response_bytes res_size res_bytes resp_size length content_length body_size body_bytes body_length bytes_out bytes_sent response_length resp_bytes res_body_size response_body_size response_body_bytes',
	req_captured_bytes: 'captured_bytes request_captured_bytes req_held_bytes captured',
	res_captured_bytes: 'captured_bytes response_captured_bytes res_held_bytes captured',
	res_wire_bytes: 'wire_bytes wire_size total_bytes transfer_size transferred response_wire_bytes',
	req_body: 'request_body body req_data request request_data post_data payload req_payload reqbody',
	res_body:
		'body response_body resp_body response res_data response_data content payload text data res_payload resbody',
	req_body_raw: 'request_body_raw raw_request raw_body req_raw body_raw req_body_blob',
	res_body_raw: 'response_body_raw raw_response raw_body res_raw body_raw raw res_body_blob',
	req_body_note: 'request_body_note body_note req_note req_truncated truncated',
	res_body_note: 'response_body_note body_note note res_note res_truncated truncated',
	via: 'syscall call res_via response_via sendfile how carried_by',
	vias: 'syscalls calls all_vias res_vias',
	req_via: 'request_via request_syscall req_syscall via_req req_vias',
	content_type: 'mime mime_type media_type type ctype contenttype res_content_type',
	content_encoding: 'encoding compression contentencoding res_content_encoding gzip transfer_encoding',
	request_id: 'x_request_id req_id correlation_id x_correlation_id',
	trace_id: 'trace traceid traceparent trace_parent tracing_id',
	span_id: 'span spanid parent_span parent_span_id caller_span',
	stream_id: 'stream streamid h2_stream http2_stream',
	grpc_service: 'grpc rpc_service grpcservice rpc_system_service',
	grpc_method: 'rpc_method rpc grpcmethod procedure',
	grpc_status: 'grpc_code grpc_status_code rpc_status grpcstatus',
	grpc_message: 'grpc_error grpc_status_message rpc_error grpcmessage',
	user_agent: 'agent ua useragent browser client req_user_agent http_user_agent',
	lost_bytes: 'lost missing missing_bytes dropped dropped_bytes loss gap gaps',
	anomalies: 'anomaly warnings oddities violations issues problems malformed flags',
	age_ms: 'age elapsed waiting_ms pending_ms open_ms running_ms duration',
	message: 'side direction kind part request_or_response is_request is_response',
	seq: 'position index idx order number n line',
	name: 'key header header_name field field_name lower_name',
	raw_name: 'original_name name_raw raw_key as_sent raw_header',
	header_value: 'value val field_value header content header_val',
	trailer: 'is_trailer trailers trailing in_trailer',
	event: 'event_name event_type name type sse_event topic',
	event_id: 'last_event_id sse_id eventid message_id',
	data: 'message payload text body content message_text msg frame token chunk value data_text',
	data_raw: 'raw payload_raw raw_data message_raw body_raw binary blob bytes_raw',
	close_code: 'code status status_code close_status closecode ws_code',
	note: 'notes why reason error truncated body_note incomplete',
	opened: 'ts time timestamp start started opened_at open_time created connected begin since',
	closed: 'end ended closed_at close_time finished disconnected stop until',
	connect_ms: 'connect_time handshake handshake_ms tcp_connect time_connect syn_ms connecting',
	accept_wait_ms: 'accept_wait accept_ms accept_time backlog queue_ms queue_time wait_ms',
	rtt_ms: 'rtt srtt round_trip round_trip_time ping network_latency',
	retransmits: 'retransmissions retrans total_retrans resent_packets tcp_retransmits segments_retransmitted',
	sni: 'server_name tls_server_name tls_name requested_name tls_host',
	alpn: 'tls_alpn next_protocol protocols npn tls_protocol',
	tls_version: 'ssl_version tls_protocol_version ssl_protocol',
	cipher: 'cipher_suite tls_cipher ssl_cipher ciphersuite',
	ech: 'encrypted_client_hello esni tls_ech',
	ja4: 'ja3 fingerprint tls_fingerprint ja4_hash client_fingerprint',
	protocol: 'proto kind type http_version l7 app_protocol',
	bytes_in: 'received received_bytes bytes_received rx rx_bytes read_bytes in_bytes bytes',
	bytes_out: 'sent sent_bytes bytes_sent tx tx_bytes written_bytes out_bytes bytes',
	exchanges: 'requests request_count count n_requests exchange_count messages',
	syscalls: 'calls syscall vias via call_names',
	fd: 'descriptor file_descriptor sockfd socket out_fd handle',
	syscall: 'call name function via sys_call operation event',
	direction: 'dir side in_out inout way flow',
	bytes: 'size length len count returned ret return_value retval nbytes res_body_bytes',
	captured_bytes: 'captured copied copied_bytes held_bytes kept data_bytes',
	flags: 'flag notes attributes marks anomalies',
	kind: 'type category class severity by_design opcode frame_type',
	events: 'count times n occurrences number total hits',
	last_ts: 'ts time last last_time last_seen timestamp when updated last_at',
	what: 'kind type feature cause blind_spot reason',
	evidence: 'proof detail details description why reason seen',
	times: 'count n events occurrences hits number',
	tls: 'is_tls ssl https secure encrypted is_https tls_library scheme',
	library: 'tls_library lib name ssl_library stack implementation',
	version: 'library_version lib_version release',
	place: 'probe probes symbol function offset hook',
	slow: 'is_slow single_step cost fast',
	processes: 'pids process_count users count mapped_by',
	attached: 'is_attached active enabled probed read covered',
	first_seen: 'ts time found since first_ts created discovered',
};

/** Guesses by table. */
export const GUESSED_TABLES: Readonly<Record<string, string>> = {
	exchanges:
		'requests request responses response http traffic calls transactions flows http_events log logs access_log tinytap data rows',
	headers: 'req_headers res_headers fields header_fields request_headers response_headers cookies',
	messages:
		'message frames websocket websockets websocket_messages ws ws_frames ws_messages sse server_sent_events event_stream grpc grpc_messages chunks tokens stream_messages parts ndjson',
	connections: 'conns sockets sessions streams tcp peers connection_log',
	events: 'syscalls syscall raw raw_events packets records trace traces syscall_events',
	inflight: 'pending open active running in_flight incomplete open_exchanges current waiting',
	loss: 'losses lost drops dropped missing gaps errors stats',
	blind_spots: 'blindspots unseen blind warnings limitations uncaptured',
	tls_libraries: 'libraries libs ssl_libraries tls_libs tls openssl ssl probes uprobes',
};

const byGuess = (table: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> => {
	const meant = new Map<string, string[]>();
	for (const [name, guesses] of Object.entries(table)) {
		for (const [rank, guess] of guesses.split(' ').entries()) {
			const list = meant.get(guess) ?? [];
			// The earlier a guess is listed for a name, the likelier that name is meant.
			list.push(`${String(rank).padStart(3, '0')}${name}`);
			meant.set(guess, list);
		}
	}
	return new Map([...meant].map(([guess, list]) => [guess, list.sort().map((entry) => entry.slice(3))]));
};

const COLUMNS = byGuess(GUESSED_COLUMNS);
const TABLES = byGuess(GUESSED_TABLES);

/** The names in `known` that somebody who wrote this name may mean, likeliest first. */
export function meantColumns(written: string, known: Iterable<string>): string[] {
	return meantNames(COLUMNS, written, known);
}

export function meantTables(written: string, known: Iterable<string>): string[] {
	return meantNames(TABLES, written, known);
}

function meantNames(table: ReadonlyMap<string, readonly string[]>, written: string, known: Iterable<string>): string[] {
	const wanted = written.toLowerCase();
	// `statusCode` and `status-code` are guesses like `status_code`.
	const words = written
		.replace(/([a-z0-9])([A-Z])/g, '$1_$2')
		.toLowerCase()
		.replaceAll(/[- .]/g, '_');
	const meant = table.get(wanted) ?? table.get(words) ?? [];
	const names = new Set(known);
	return meant.filter((name) => names.has(name));
}
