import { postgresUid } from '@weft/testing-mesh-deployment';
import type { Pod } from '@weft/kube';

type Container = NonNullable<Pod['spec']>['containers'][number];

export const HTTP_PORT = 8080;
export const REDIS_PORT = 6379;
export const POSTGRES_PORT = 5432;
export const POSTGRES_UID = Number(postgresUid());

const NGINX_CONF = `
daemon off;
pid /tmp/nginx.pid;
worker_processes 1;
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  keepalive_timeout 600s;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server {
    listen ${HTTP_PORT};
    location /big { root /tmp/www; limit_rate 4m; }
    location / { default_type text/plain; return 200 "$hostname saw $remote_addr\\n"; }
  }
}`;

/** nginx that answers with its own name and the address it sees; `/big` is 64 MiB at 4 MiB/s. */
export function nginx(more: Partial<Container> = {}): Container {
  const script = `mkdir -p /tmp/www && truncate -s 64M /tmp/www/big && cat > /tmp/nginx.conf <<'END'\n${NGINX_CONF}\nEND\nexec nginx -c /tmp/nginx.conf`;
  return {
    name: 'nginx',
    image: 'nginx',
    command: ['sh', '-ec', script],
    ports: [{ name: 'http', containerPort: HTTP_PORT }],
    readinessProbe: { httpGet: { path: '/', port: HTTP_PORT }, periodSeconds: 1 },
    ...more,
  };
}

/** Redis: `client info` tells the address that it sees. */
export function redis(): Container {
  return {
    name: 'redis',
    image: 'redis',
    command: [
      'redis-server',
      '--save',
      '',
      '--protected-mode',
      'no',
      '--bind',
      '0.0.0.0',
      '--dir',
      '/tmp',
      '--timeout',
      '0',
    ],
    ports: [{ name: 'redis', containerPort: REDIS_PORT }],
    readinessProbe: { tcpSocket: { port: REDIS_PORT }, periodSeconds: 1 },
  };
}

/** A place for the clients that a test runs by exec. */
export function shell(): Container {
  return { name: 'shell', image: 'shell', command: ['sleep', '3600'] };
}

/** Runs as `POSTGRES_UID`; logs each connection with the address of the client. */
export function postgres(): Container {
  const script = `
PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH
export TZ=UTC
initdb -D /scratch/pg -U postgres --auth=trust --no-sync -E UTF8 --locale=C > /scratch/initdb.log
echo "host all all 0.0.0.0/0 trust" >> /scratch/pg/pg_hba.conf
exec postgres -D /scratch/pg -k /scratch -c listen_addresses='*' -c fsync=off -c log_connections=on -c dynamic_shared_memory_type=mmap`;
  return {
    name: 'postgres',
    image: 'postgres',
    command: ['sh', '-ec', script],
    ports: [{ name: 'postgres', containerPort: POSTGRES_PORT }],
    readinessProbe: { tcpSocket: { port: POSTGRES_PORT }, periodSeconds: 1 },
    volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
  };
}
