<?php
// phpredis and predis on muster's RESP port: what they read of one context.
require '/usr/share/php/Predis/autoload.php';

[$host, $port, $password, $key] = array_map('getenv', ['RESP_HOST', 'RESP_PORT', 'COMPAT_SDK_KEY', 'COMPAT_KEY']);
$secure = getenv('RESP_TLS') !== false;
$trusting = ['verify_peer' => false, 'verify_peer_name' => false];

$phpredis = new Redis();
$phpredis->connect(($secure ? 'tls://' : '') . $host, (int) $port, 10, null, 0, 0, $secure ? ['stream' => $trusting] : []);
$phpredis->auth($password);
$predis = new Predis\Client(['scheme' => $secure ? 'tls' : 'tcp', 'host' => $host, 'port' => $port, 'password' => $password, 'ssl' => $trusting]);
foreach (['phpredis ' . phpversion('redis') => $phpredis, 'predis ' . Predis\Client::VERSION => $predis] as $name => $client) {
    echo json_encode([
        'name' => $name,
        'members' => array_values($client->smembers($key)),
        'synchronizedOn' => (int) $client->get('app:big_segments_synchronized_on'),
        'generation' => json_decode($client->hgetall('app:segments')['vip'])->generation,
        'inited' => $client->exists('app:$inited'),
    ]), "\n";
}
