-- TLS that should be newer
--
-- Connections with a version before 1.2, or with a cipher suite without forward secrecy or with a broken cipher (RC4, 3DES,
-- DES, none), by process and server.
--
-- :top int = 50  maximum number of rows
SELECT side, comm, coalesce(sni, iif(side = 'server', local, remote)) AS server, tls_version, cipher, count(*) AS connections,
       max(opened) AS last
FROM connections
WHERE tls_version NOT IN ('1.3', '1.2') OR cipher REGEXP '^TLS_(RSA|DH|ECDH|NULL)_|_anon_|_(NULL|RC4|3DES|DES|DES40|RC2|EXPORT)_'
GROUP BY ALL
ORDER BY connections DESC, tls_version, server, cipher, comm, side
LIMIT :top;
